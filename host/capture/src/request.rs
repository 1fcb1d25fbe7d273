//! How much of a source a clip shall hold.
//!
//! Diagnoses want different things of one clip: a stretch in full to tell motion, a picture now and
//! then over a longer one to tell a freeze. Put together these are a few stretches, all of which
//! begin with the clip; at any moment the finest of those that still run says which frames are kept.
//! One second in full and three seconds with a frame every 200 ms make one second in full, and a
//! frame every 200 ms for the two seconds after it.

use std::time::Duration;

/// Frames at one interval, from the clip's first frame on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The least number of frames, at least 1. It goes on beyond its span until there are as many.
    pub min_frames: u32,
    /// Time between two frames at the most; zero for every frame that the source sends.
    pub interval: Duration,
    /// The time that it covers; zero where pictures are enough, whatever lies between them.
    pub span: Duration,
}

impl Stretch {
    /// True while it wants more, where there are so many frames, the last of them at `covered`.
    pub(crate) fn runs(&self, frames: usize, covered: Duration) -> bool {
        frames < self.min_frames as usize || covered < self.span
    }

    /// Frames closer than this to the one before are more than was asked for. The tenth of slack
    /// takes up the jitter of timestamps.
    pub(crate) fn least_distance(&self) -> Duration {
        if self.span.is_zero() { Duration::ZERO } else { self.interval.mul_f64(0.9) }
    }
}

/// What a set of diagnoses needs to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRequest {
    /// At least one; each is longer than the one before it, and coarser. Other than that there is
    /// none that another would not satisfy, so that they are few.
    stretches: Vec<Stretch>,
}

impl From<Stretch> for ClipRequest {
    fn from(stretch: Stretch) -> Self {
        Self { stretches: vec![stretch] }
    }
}

impl ClipRequest {
    /// A single picture.
    #[must_use]
    pub fn still() -> Self {
        Stretch { min_frames: 1, interval: Duration::ZERO, span: Duration::ZERO }.into()
    }

    /// What satisfies both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let mut all = self.stretches;
        all.extend(other.stretches);
        // Of stretches alike in length the finest comes first, and satisfies the others.
        all.sort_by(|a, b| b.span.cmp(&a.span).then(a.interval.cmp(&b.interval)));
        let mut stretches: Vec<Stretch> = Vec::with_capacity(all.len());
        for one in all {
            let finest = stretches.last().map(|last| last.interval);
            let satisfier = match finest {
                // The interval of mere pictures says nothing.
                Some(_) if one.span.is_zero() => stretches.first_mut(),
                Some(finest) if finest <= one.interval => stretches.last_mut(),
                _ => None,
            };
            match satisfier {
                Some(longer) => longer.min_frames = longer.min_frames.max(one.min_frames),
                None => stretches.push(one),
            }
        }
        stretches.reverse();
        Self { stretches }
    }

    /// The stretches, shortest and finest first.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Frames without which one of those who ask can say nothing.
    #[must_use]
    pub fn min_frames(&self) -> u32 {
        self.stretches.iter().map(|one| one.min_frames).max().unwrap_or(1)
    }

    /// The time that all of it covers.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.stretches.last().map_or(Duration::ZERO, |longest| longest.span)
    }

    /// True where one picture satisfies it.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.span().is_zero() && self.min_frames() <= 1
    }

    /// The finest stretch that wants more; none where there is enough.
    pub(crate) fn running(&self, frames: usize, covered: Duration) -> Option<&Stretch> {
        self.stretches.iter().find(|one| one.runs(frames, covered))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every(min_frames: u32, interval_ms: u64, span_ms: u64) -> Stretch {
        Stretch {
            min_frames,
            interval: Duration::from_millis(interval_ms),
            span: Duration::from_millis(span_ms),
        }
    }

    fn merged(stretches: &[Stretch]) -> ClipRequest {
        stretches.iter().map(|one| ClipRequest::from(*one)).reduce(ClipRequest::merge).unwrap()
    }

    /// When frames are kept of a source that sends one every `period_ms`.
    fn kept(request: &ClipRequest, period_ms: u64) -> Vec<u64> {
        let mut kept: Vec<u64> = Vec::new();
        for at in (0_u64..).map(|n| n * period_ms) {
            let covered = Duration::from_millis(kept.last().copied().unwrap_or(0));
            let Some(stretch) = request.running(kept.len(), covered) else { break };
            let distance = Duration::from_millis(at - kept.last().copied().unwrap_or(0));
            if kept.is_empty() || distance >= stretch.least_distance() {
                kept.push(at);
            }
        }
        kept
    }

    #[test]
    fn a_second_in_full_does_not_make_three_of_them() {
        let (freeze, shake) = (every(2, 200, 3_000), every(25, 0, 1_000));
        for request in [merged(&[freeze, shake]), merged(&[shake, freeze])] {
            assert_eq!(request.stretches(), [shake, freeze]);
            assert_eq!((request.min_frames(), request.span()), (25, Duration::from_secs(3)));
            let kept = kept(&request, 40);
            assert_eq!(kept.iter().filter(|at| **at <= 1_000).count(), 26);
            assert_eq!(kept[26..], [1_200, 1_400, 1_600, 1_800, 2_000, 2_200, 2_400, 2_600, 2_800, 3_000]);
        }
    }

    #[test]
    fn what_another_stretch_satisfies_is_none_of_its_own() {
        let freeze = every(2, 200, 3_000);
        assert_eq!(merged(&[freeze, every(9, 500, 2_000)]).stretches(), [every(9, 200, 3_000)]);
        assert_eq!(merged(&[freeze, every(1, 100, 3_000)]).stretches(), [every(2, 100, 3_000)]);
        assert_eq!(merged(&[freeze, every(4, 0, 0)]).stretches(), [every(4, 200, 3_000)]);
        let still = ClipRequest::still();
        assert_eq!(still.clone().merge(freeze.into()), freeze.into());
        assert_eq!(still.clone().merge(every(3, 700, 0).into()).stretches(), [every(3, 0, 0)]);
        assert!(still.is_still() && !ClipRequest::from(freeze).is_still());
    }

    proptest! {
        #[test]
        fn whoever_asked_is_given_what_it_asked_for(
            asked in prop::collection::vec((1..30_u32, 0..900_u64, 0..5_000_u64), 1..6), period_ms in 20..300_u64
        ) {
            let asked: Vec<_> = asked.into_iter().map(|(n, interval, span)| every(n, interval, span)).collect();
            let request = merged(&asked);
            let kept = kept(&request, period_ms);
            for one in asked {
                prop_assert!(kept.len() >= one.min_frames as usize);
                let span = u64::try_from(one.span.as_millis()).unwrap();
                prop_assert!(*kept.last().unwrap() >= span);
                // Never further apart than asked for, or than the source sends them.
                let most = u64::try_from(one.interval.as_millis()).unwrap() + period_ms;
                let within = kept.windows(2).filter(|pair| pair[0] < span);
                prop_assert!(within.into_iter().all(|pair| pair[1] - pair[0] < most.max(period_ms + 1)));
            }
        }

        #[test]
        fn which_frames_are_kept_hangs_on_no_order_of_asking(
            asked in prop::collection::vec((1..9_u32, 0..4_u64, 0..4_u64), 1..6).prop_shuffle()
        ) {
            let asked: Vec<_> = asked.into_iter().map(|(n, i, s)| every(n, 200 * i, 1_000 * s)).collect();
            let backwards: Vec<_> = asked.iter().rev().copied().collect();
            let (one, other) = (merged(&asked), merged(&backwards));
            prop_assert_eq!(one.min_frames(), other.min_frames());
            let shape = |request: ClipRequest| -> Vec<_> {
                request.stretches().iter().map(|stretch| (stretch.least_distance(), stretch.span)).collect()
            };
            prop_assert_eq!(shape(one), shape(other));
        }
    }
}
