//! Separate sets of cameras and makers. A maker is one way to make a fault. Figures prove nothing if they come from
//! cameras or makers that a measure was developed with. Each camera and each maker therefore belongs to one of three
//! sets. The hash of the name determines the set, and a figure always names its set.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One of three sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    /// For inspection and development.
    Development,
    /// For the choice of thresholds.
    Validation,
    /// For figures, once for each release.
    LockBox,
}

/// The prefix of makers with which measures were developed before there were sets.
const KNOWN: &str = "first_";

impl Set {
    /// All sets, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Development, Self::Validation, Self::LockBox];

    /// Returns the set of a name, by the first hexadecimal digit of its SHA-256: 0–7, 8–b and c–f.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match Sha256::digest(name.as_bytes()).first().map_or(0, |byte| byte >> 4) {
            0..=7 => Self::Development,
            8..=11 => Self::Validation,
            _ => Self::LockBox,
        }
    }

    /// Returns the set of a maker. Makers with which measures were developed stay in the development set.
    #[must_use]
    pub fn of_maker(maker: &str) -> Self {
        if maker.starts_with(KNOWN) { Self::Development } else { Self::of(maker) }
    }

    /// Returns the set of a case of this camera and this maker. Returns None if camera and maker belong to
    /// different sets. A case without a fault has no maker.
    #[must_use]
    pub fn of_case(camera: &str, maker: &str) -> Option<Self> {
        let set = Self::of(camera);
        (maker.is_empty() || Self::of_maker(maker) == set).then_some(set)
    }

    /// Returns the name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Validation => "validation",
            Self::LockBox => "lockbox",
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::LockBox => "lock box",
            other => other.as_str(),
        })
    }
}

impl std::str::FromStr for Set {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|set| set.as_str() == word);
        named.ok_or_else(|| format!("{word}: expected development, validation or lockbox"))
    }
}

/// The figures of one set. Code can read them only together with their set.
#[derive(Debug, Clone, PartialEq)]
pub struct InSet<T> {
    set: Set,
    figures: T,
}

impl<T> InSet<T> {
    /// Makes the figures of a set.
    #[must_use]
    pub const fn new(set: Set, figures: T) -> Self {
        Self { set, figures }
    }

    /// Returns the set and its figures.
    #[must_use]
    pub const fn named(&self) -> (Set, &T) {
        (self.set, &self.figures)
    }

    /// Makes other figures from these, in the same set.
    #[must_use]
    pub fn map<U>(&self, make: impl FnOnce(&T) -> U) -> InSet<U> {
        InSet { set: self.set, figures: make(&self.figures) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_drawn_by_the_first_digit_of_its_hash() {
        // For these names, in this order, the output of `printf %s NAME | sha256sum` begins with 7, 8, b and c.
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

    #[test]
    fn what_measures_were_developed_on_proves_nothing_whatever_its_hash() {
        assert_eq!(Set::of("first_blur"), Set::of("first_blur"));
        for maker in ["first_blur", "first_fog", "first_noise", "first_dark"] {
            assert_eq!(Set::of_maker(maker), Set::Development);
        }
    }

    #[test]
    fn a_case_belongs_to_no_set_where_camera_and_maker_are_of_two() {
        let of =
            |set| ["a", "b", "c", "d", "e", "f", "g", "h", "i"].into_iter().find(|name| Set::of(name) == set);
        let (Some(development), Some(validation)) = (of(Set::Development), of(Set::Validation)) else {
            panic!("few names")
        };
        assert_eq!(Set::of_case(development, development), Some(Set::Development));
        assert_eq!(Set::of_case(development, validation), None);
        assert_eq!(Set::of_case(validation, ""), Some(Set::Validation));
    }
}
