//! Requests: the part of a source that a clip must cover, and the frames of the clip that each requester receives.
//!
//! Diagnoses need different parts of one clip: every frame of a stretch to detect motion, or an occasional frame
//! of a longer stretch to detect a freeze. All stretches begin with the clip. An interval divides the time into
//! slots, and the first frame of each slot is kept. Whether a frame is kept for one stretch therefore does not depend
//! on other stretches. A requester receives the same frames, whether or not there are other requesters. A keyframe is
//! also kept if the last kept frame is not a keyframe, because a picture that changes only at keyframes is a sign of a
//! freeze.

use std::{cmp::Reverse, time::Duration};

/// The time by which a slot begins before its nominal time, because timestamps are rounded and jitter.
pub(crate) const SLACK: Duration = Duration::from_millis(20);

/// Frames at one interval, beginning with the clip's first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The smallest number of frames, at least 1. The stretch continues beyond its span until it has this many frames.
    pub min_frames: u32,
    /// The length of a slot. The first frame of each slot is kept. If the length is zero, every frame that the source
    /// sends is kept.
    pub interval: Duration,
    /// The time that the stretch covers. Zero if only the number of frames counts.
    pub span: Duration,
}

impl Stretch {
    /// Returns true while the stretch needs more frames. `frames` is the number of its frames so far, and `covered` is
    /// the time of the last frame.
    fn runs(&self, frames: usize, covered: Duration) -> bool {
        frames < self.min_frames as usize || covered + SLACK < self.span
    }

    /// Returns the length of a slot. Zero if every frame is kept. If only the number of frames counts, every frame is
    /// kept.
    pub(crate) const fn slot(&self) -> Duration {
        if self.span.is_zero() { Duration::ZERO } else { self.interval }
    }

    /// Returns true for a single picture. Every other stretch begins with this picture.
    const fn is_still(&self) -> bool {
        self.span.is_zero() && self.min_frames <= 1
    }

    /// Returns whether this stretch keeps all frames of `other`. If the `min_frames` of this stretch are fewer than the
    /// `min_frames` of `other`, the caller must raise them to those of `other`.
    fn satisfies(&self, other: &Self) -> bool {
        let (own, others) = (self.slot().as_micros(), other.slot().as_micros());
        let span = other.span.as_micros();
        let finer = own == 0 || (others > 0 && others.is_multiple_of(own));
        // The last slot of `other` may begin after its span.
        let longer = self.span >= other.span + other.slot()
            || (self.span >= other.span && span.is_multiple_of(others.max(1)));
        // `other` continues beyond its span if it has too few slots for its number of frames. This stretch has shorter
        // slots. It could reach that number earlier and end, and the last frames of `other` would be missing.
        let few = others == 0 || u128::from(other.min_frames) <= span / others + 1;
        other.is_still() || (finer && longer && few)
    }
}

/// Chooses the frames of one stretch. It receives all frames in their order.
#[derive(Debug, Clone)]
pub(crate) struct Picking {
    stretch: Stretch,
    taken: usize,
    covered: Duration,
    /// The slot of the last frame, whether or not the frame was taken.
    slot: u128,
    /// True if the last frame that was taken is a keyframe.
    keyframe: bool,
}

impl Picking {
    pub(crate) const fn new(stretch: Stretch) -> Self {
        Self { stretch, taken: 0, covered: Duration::ZERO, slot: 0, keyframe: false }
    }

    /// Returns true while the stretch needs more frames.
    pub(crate) fn runs(&self) -> bool {
        self.stretch.runs(self.taken, self.covered)
    }

    /// Returns whether the stretch takes this frame.
    pub(crate) fn takes(&mut self, timestamp: Duration, keyframe: bool) -> bool {
        if !self.runs() {
            return false;
        }
        let slot = self.stretch.slot();
        let slot = (!slot.is_zero()).then(|| (timestamp + SLACK).as_micros() / slot.as_micros().max(1));
        let next = slot.is_none_or(|slot| slot != self.slot);
        self.slot = slot.unwrap_or_default();
        let takes = self.taken == 0 || next || (keyframe && !self.keyframe);
        if takes {
            self.taken += 1;
            self.covered = timestamp;
            self.keyframe = keyframe;
        }
        takes
    }
}

/// The frames that a set of diagnoses needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRequest {
    /// The requested stretches without duplicates. The longest is first. Among stretches with equal spans, the one with
    /// the shortest slots is first.
    asked: Vec<Stretch>,
    /// The merged stretches, at least one. No stretch keeps all frames of another. The longest is last.
    stretches: Vec<Stretch>,
}

impl From<Stretch> for ClipRequest {
    fn from(stretch: Stretch) -> Self {
        // The interval has no meaning if only the number of frames counts.
        let stretch = Stretch { interval: stretch.slot(), ..stretch };
        Self { asked: vec![stretch], stretches: vec![stretch] }
    }
}

impl ClipRequest {
    /// Requests a single picture.
    #[must_use]
    pub fn still() -> Self {
        Stretch { min_frames: 1, interval: Duration::ZERO, span: Duration::ZERO }.into()
    }

    /// Merges two requests into one that satisfies both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let mut asked = self.asked;
        asked.extend(other.asked);
        asked.sort_by_key(|one| (Reverse(one.span), one.slot(), Reverse(one.min_frames)));
        asked.dedup();
        let mut stretches: Vec<Stretch> = Vec::with_capacity(asked.len());
        // A stretch that satisfies another one comes before the other one in `asked`, so one pass is enough.
        for one in &asked {
            match stretches.iter_mut().find(|longer| longer.satisfies(one)) {
                Some(longer) => longer.min_frames = longer.min_frames.max(one.min_frames),
                None => stretches.push(*one),
            }
        }
        stretches.reverse();
        Self { asked, stretches }
    }

    /// Returns the request for the first part of a clip: the beginning of every stretch, up to its last slot that
    /// begins within `limit`. If no stretch is longer than `limit`, the first part is the whole clip.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let shorter = self.asked.iter().map(|one| {
            let slots = limit.as_micros().checked_div(one.slot().as_micros());
            let limit = slots.map_or(limit, |slots| one.slot() * u32::try_from(slots).unwrap_or(u32::MAX));
            Stretch { span: one.span.min(limit), ..*one }.into()
        });
        shorter.reduce(Self::merge).unwrap_or_else(|| self.clone())
    }

    /// Returns the merged stretches, the longest last.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Returns the largest number of frames that a stretch needs.
    #[must_use]
    pub fn min_frames(&self) -> u32 {
        self.stretches.iter().map(|one| one.min_frames).max().unwrap_or(1)
    }

    /// Returns the time that all stretches together cover. They begin at the same time, so this is the longest span.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.stretches.last().map_or(Duration::ZERO, |longest| longest.span)
    }

    /// Returns true if one picture satisfies the request.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.span().is_zero() && self.min_frames() <= 1
    }

    /// Makes a picker of frames for all stretches.
    pub(crate) fn picker(&self) -> Picker {
        Picker(self.stretches.iter().copied().map(Picking::new).collect())
    }
}

/// Chooses the frames that at least one stretch needs.
#[derive(Debug)]
pub(crate) struct Picker(Vec<Picking>);

impl Picker {
    /// Returns true while a stretch needs more frames.
    pub(crate) fn runs(&self) -> bool {
        self.0.iter().any(Picking::runs)
    }

    /// Returns whether a stretch takes this frame.
    pub(crate) fn takes(&mut self, timestamp: Duration, keyframe: bool) -> bool {
        // Every stretch must receive every frame: `any` would stop at the first stretch that takes the frame.
        self.0.iter_mut().map(|one| one.takes(timestamp, keyframe)).filter(|takes| *takes).count() > 0
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

    /// The times at which a source sends frames, and whether each is a keyframe.
    type Sent = Vec<(u64, bool)>;

    /// Makes a source with a frame every `period_ms` and a keyframe every `group` frames.
    fn sent(period_ms: u64, group: u64) -> Sent {
        (0..60_000 / period_ms).map(|n| (n * period_ms, n.is_multiple_of(group))).collect()
    }

    fn kept(request: &ClipRequest, sent: &Sent) -> Sent {
        let mut picker = request.picker();
        let takes = |(at, keyframe): &&(u64, bool)| picker.takes(Duration::from_millis(*at), *keyframe);
        sent.iter().filter(takes).copied().collect()
    }

    fn times(kept: &Sent) -> Vec<u64> {
        kept.iter().map(|(at, _)| *at).collect()
    }

    #[test]
    fn a_second_in_full_does_not_make_three_of_them() {
        let (freeze, shake) = (every(2, 200, 3_000), every(25, 0, 1_000));
        for request in [merged(&[freeze, shake]), merged(&[shake, freeze])] {
            assert_eq!(request.stretches(), [shake, freeze]);
            assert_eq!((request.min_frames(), request.span()), (25, Duration::from_secs(3)));
            let kept = times(&kept(&request, &sent(40, 1_000)));
            assert_eq!(kept.iter().filter(|at| **at <= 1_000).count(), 26);
            assert_eq!(kept[26..], [1_200, 1_400, 1_600, 1_800, 2_000, 2_200, 2_400, 2_600, 2_800, 3_000]);
        }
    }

    #[test]
    fn what_another_stretch_satisfies_is_none_of_its_own() {
        let freeze = every(2, 200, 3_000);
        assert_eq!(merged(&[freeze, every(5, 600, 2_400)]).stretches(), [every(5, 200, 3_000)]);
        assert_eq!(merged(&[freeze, every(1, 100, 3_000)]).stretches(), [every(2, 100, 3_000)]);
        assert_eq!(merged(&[freeze, every(1, 0, 0)]).stretches(), [freeze]);
        assert_eq!(merged(&[freeze, every(4, 0, 0)]).stretches(), [every(4, 0, 0), freeze]);
        // Some slots of 500 ms begin in the middle of a slot of 200 ms.
        assert_eq!(merged(&[freeze, every(1, 500, 2_000)]).stretches(), [every(1, 500, 2_000), freeze]);
        let still = ClipRequest::still();
        assert_eq!(still.clone().merge(every(3, 700, 0).into()).stretches(), [every(3, 0, 0)]);
        assert!(still.is_still() && !ClipRequest::from(freeze).is_still());
    }

    #[test]
    fn keyframes_between_other_frames_are_kept_besides_but_no_row_of_them() {
        let request = ClipRequest::from(every(1, 1_000, 2_000));
        assert_eq!(times(&kept(&request, &sent(100, 7))), [0, 1_000, 1_400, 2_000]);
        assert_eq!(times(&kept(&request, &sent(100, 1))), [0, 1_000, 2_000]);
    }

    #[test]
    fn rounded_and_jittering_timestamps_lose_no_slot() {
        let request = ClipRequest::from(every(1, 200, 1_000));
        let jittery: Sent = [0, 199, 415, 590, 805, 985].map(|at| (at, false)).into();
        assert_eq!(kept(&request, &jittery), jittery);
    }

    #[test]
    fn a_part_of_what_is_wanted_ends_earlier() {
        let (freeze, shake, dirt) = (every(2, 200, 3_000), every(25, 0, 1_000), every(1, 800, 2_400));
        let whole = merged(&[freeze, shake, dirt]);
        let part = whole.within(Duration::from_secs(1));
        let sent = sent(40, 1_000);
        assert_eq!(kept(&part, &kept(&whole, &sent)), sent[..=25]);
        assert_eq!(whole.within(Duration::from_secs(3)), whole);
        assert_eq!(ClipRequest::still().within(Duration::from_secs(3)), ClipRequest::still());
    }

    proptest! {
        #[test]
        fn whoever_asked_is_given_what_it_asked_for(
            asked in prop::collection::vec((1..30_u32, 0..900_u64, 0..5_000_u64), 1..6), period_ms in 20..300_u64
        ) {
            let asked: Vec<_> = asked.into_iter().map(|(n, interval, span)| every(n, interval, span)).collect();
            let kept = times(&kept(&merged(&asked), &sent(period_ms, 1_000)));
            for one in asked {
                prop_assert!(kept.len() >= one.min_frames as usize);
                let span = u64::try_from(one.span.as_millis()).unwrap();
                let slack = u64::try_from(SLACK.as_millis()).unwrap();
                prop_assert!(*kept.last().unwrap() + slack >= span);
                // The gap is never longer than two slots, plus the interval of the source.
                let most = 2 * u64::try_from(one.interval.as_millis()).unwrap() + period_ms;
                let within = kept.windows(2).filter(|pair| pair[0] + slack < span);
                prop_assert!(within.into_iter().all(|pair| pair[1] - pair[0] <= most));
            }
        }

        /// The frames that a plugin receives do not depend on other plugins for which the camera is captured.
        #[test]
        fn whoever_asked_is_given_the_same_alone_and_in_company(
            asked in prop::collection::vec((1..4_u32, 0..9_u64, 0..5_u64), 1..6),
            gaps_ms in prop::collection::vec(5..300_u64, 200..300), group in 1..40_u64
        ) {
            let asked: Vec<_> = asked.into_iter().map(|(n, i, s)| every(n, 100 * i, 1_000 * s)).collect();
            let mut at = 0;
            let sent: Sent = gaps_ms.iter().enumerate().map(|(n, gap)| {
                at += gap;
                (at - gaps_ms[0], (n as u64).is_multiple_of(group))
            }).collect();
            let in_company = kept(&merged(&asked), &sent);
            for one in asked {
                let alone = kept(&one.into(), &sent);
                prop_assert_eq!(kept(&one.into(), &in_company), alone);
            }
        }

        #[test]
        fn which_frames_are_kept_hangs_on_no_order_of_asking(
            asked in prop::collection::vec((1..9_u32, 0..4_u64, 0..4_u64), 1..6).prop_shuffle()
        ) {
            let asked: Vec<_> = asked.into_iter().map(|(n, i, s)| every(n, 200 * i, 1_000 * s)).collect();
            let backwards: Vec<_> = asked.iter().rev().copied().collect();
            let (one, other) = (merged(&asked), merged(&backwards));
            prop_assert_eq!(one, other);
        }
    }
}
