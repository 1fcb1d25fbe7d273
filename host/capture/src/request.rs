//! How much of a source a clip shall hold.

use std::time::Duration;

/// What a set of diagnoses needs to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipRequest {
    /// The least number of frames, at least 1.
    pub min_frames: u32,
    /// Time between two frames; zero for every frame that the source sends.
    pub interval: Duration,
    /// How long a stretch the frames shall cover; zero where a single picture is enough.
    pub span: Duration,
}

impl ClipRequest {
    /// A single picture.
    #[must_use]
    pub const fn still() -> Self {
        Self { min_frames: 1, interval: Duration::ZERO, span: Duration::ZERO }
    }

    /// What satisfies both: the longer stretch, the closer frames. The interval of a request for a
    /// single picture says nothing.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let interval = if self.span.is_zero() {
            other.interval
        } else if other.span.is_zero() {
            self.interval
        } else {
            self.interval.min(other.interval)
        };
        Self { min_frames: self.min_frames.max(other.min_frames), interval, span: self.span.max(other.span) }
    }

    /// True where one picture satisfies it.
    #[must_use]
    pub const fn is_still(&self) -> bool {
        self.span.is_zero() && self.min_frames <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_satisfies_both_whichever_comes_first() {
        let every = |min_frames, interval, span| ClipRequest {
            min_frames,
            interval: Duration::from_millis(interval),
            span: Duration::from_millis(span),
        };
        let (freeze, shake) = (every(2, 200, 3_000), every(25, 0, 1_000));
        assert_eq!(freeze.merge(shake), every(25, 0, 3_000));
        assert_eq!(shake.merge(freeze), every(25, 0, 3_000));
        assert_eq!(freeze.merge(ClipRequest::still()), freeze);
        assert_eq!(ClipRequest::still().merge(freeze), freeze);
        assert!(ClipRequest::still().is_still() && !freeze.is_still());
    }
}
