//! Which cameras may be looked at while the diagnoses are made. A camera belongs to one set for good,
//! drawn by its name alone: nobody chooses, and a new camera moves no other.

use std::fmt;

use sha2::{Digest, Sha256};

/// What a camera is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Set {
    /// To be looked at and designed on: half of the cameras.
    Development,
    /// To choose thresholds on: a quarter.
    Validation,
    /// To be judged once, at the end, by figures alone: a quarter.
    LockBox,
}

impl Set {
    /// All of them, in the order of use.
    pub const ALL: [Self; 3] = [Self::Development, Self::Validation, Self::LockBox];

    /// The set of a camera: by the first hexadecimal digit of the SHA-256 of its name, 0–7 development,
    /// 8–b validation, c–f lock box.
    #[must_use]
    pub fn of(camera: &str) -> Self {
        let first = Sha256::digest(camera.as_bytes()).first().copied().unwrap_or_default();
        match first >> 4 {
            0x0..=0x7 => Self::Development,
            0x8..=0xb => Self::Validation,
            _ => Self::LockBox,
        }
    }

    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Validation => "validation",
            Self::LockBox => "lock box",
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_drawn_by_the_first_digit_of_the_hash_of_its_name() {
        // `printf %s NAME | sha256sum` begins with 7, 8, b and c.
        assert_eq!(Set::of("abc4"), Set::Development);
        assert_eq!(Set::of("abc3"), Set::Validation);
        assert_eq!(Set::of("abc"), Set::Validation);
        assert_eq!(Set::of("a"), Set::LockBox);
    }

    #[test]
    fn half_of_the_cameras_are_for_development_and_a_quarter_for_each_other_set() {
        let count = |set| (0..4000).filter(|number| Set::of(&format!("camera {number}")) == set).count();
        let shares = Set::ALL.map(count);
        for (share, wanted) in shares.into_iter().zip([2000_usize, 1000, 1000]) {
            assert!(share.abs_diff(wanted) < 120, "{shares:?}");
        }
    }
}
