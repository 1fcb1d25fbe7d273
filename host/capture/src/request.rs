//! How much of a source a clip shall hold, and which of its frames one of those who asked sees.
//!
//! Diagnoses want different things of one clip: a stretch in full to tell motion, a picture now and
//! then over a longer one to tell a freeze. All stretches begin with the clip. An interval divides the time
//! into slots, and the first frame of each slot is kept; so whether a frame is kept for one stretch depends on
//! no other stretch, and whoever asked is given the same frames, alone or in company. Every keyframe that follows
//! another kind of frame is kept besides, since a picture that changes at a keyframe only is what a freeze
//! looks like.

use std::{cmp::Reverse, time::Duration};

/// Slots begin this much before their time: timestamps are rounded, and they jitter.
pub(crate) const SLACK: Duration = Duration::from_millis(20);

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
    fn runs(&self, frames: usize, covered: Duration) -> bool {
        frames < self.min_frames as usize || covered + SLACK < self.span
    }

    /// Zero for every frame, also where pictures are enough.
    pub(crate) const fn slot(&self) -> Duration {
        if self.span.is_zero() { Duration::ZERO } else { self.interval }
    }

    /// A single picture, which any other stretch begins with.
    const fn is_still(&self) -> bool {
        self.span.is_zero() && self.min_frames <= 1
    }

    /// Whether all frames that `other` wants are kept for this one, once it wants as many.
    fn satisfies(&self, other: &Self) -> bool {
        let (own, others) = (self.slot().as_micros(), other.slot().as_micros());
        let span = other.span.as_micros();
        let finer = own == 0 || (others > 0 && others.is_multiple_of(own));
        // The last slot of the other may begin after its span.
        let longer = self.span >= other.span + other.slot()
            || (self.span >= other.span && span.is_multiple_of(others.max(1)));
        // So many that it goes on beyond its span would be counted among the finer ones.
        let few = others == 0 || u128::from(other.min_frames) <= span / others + 1;
        other.is_still() || (finer && longer && few)
    }
}

/// Chooses the frames of one stretch, which it is told of in their order.
#[derive(Debug, Clone)]
pub(crate) struct Picking {
    stretch: Stretch,
    taken: usize,
    covered: Duration,
    /// That of the last frame, whether it was taken or not.
    slot: u128,
    /// Whether the last one that was taken is a keyframe.
    keyframe: bool,
}

impl Picking {
    pub(crate) const fn new(stretch: Stretch) -> Self {
        Self { stretch, taken: 0, covered: Duration::ZERO, slot: 0, keyframe: false }
    }

    /// True while it wants more.
    pub(crate) fn runs(&self) -> bool {
        self.stretch.runs(self.taken, self.covered)
    }

    /// Whether it takes this frame.
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

/// What a set of diagnoses needs to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRequest {
    /// What was asked for, each once: the longest first, of those alike in length the finest.
    asked: Vec<Stretch>,
    /// At least one, none of which satisfies another, the longest last.
    stretches: Vec<Stretch>,
}

impl From<Stretch> for ClipRequest {
    fn from(stretch: Stretch) -> Self {
        // The interval of mere pictures says nothing.
        let stretch = Stretch { interval: stretch.slot(), ..stretch };
        Self { asked: vec![stretch], stretches: vec![stretch] }
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
        let mut asked = self.asked;
        asked.extend(other.asked);
        asked.sort_by_key(|one| (Reverse(one.span), one.slot(), Reverse(one.min_frames)));
        asked.dedup();
        let mut stretches: Vec<Stretch> = Vec::with_capacity(asked.len());
        // What satisfies comes before what it satisfies.
        for one in &asked {
            match stretches.iter_mut().find(|longer| longer.satisfies(one)) {
                Some(longer) => longer.min_frames = longer.min_frames.max(one.min_frames),
                None => stretches.push(*one),
            }
        }
        stretches.reverse();
        Self { asked, stretches }
    }

    /// What is wanted of the first part of a clip: every stretch from its beginning, up to the last of its slots
    /// that begins within `limit`. Where none is longer that is all of it.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let shorter = self.asked.iter().map(|one| {
            let slots = limit.as_micros().checked_div(one.slot().as_micros());
            let limit = slots.map_or(limit, |slots| one.slot() * u32::try_from(slots).unwrap_or(u32::MAX));
            Stretch { span: one.span.min(limit), ..*one }.into()
        });
        shorter.reduce(Self::merge).unwrap_or_else(|| self.clone())
    }

    /// The stretches, the longest last.
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

    /// Chooses frames for all of it.
    pub(crate) fn picker(&self) -> Picker {
        Picker(self.stretches.iter().copied().map(Picking::new).collect())
    }
}

/// Chooses the frames that one stretch or another wants.
#[derive(Debug)]
pub(crate) struct Picker(Vec<Picking>);

impl Picker {
    /// True while one of them wants more.
    pub(crate) fn runs(&self) -> bool {
        self.0.iter().any(Picking::runs)
    }

    /// Whether one of them takes this frame.
    pub(crate) fn takes(&mut self, timestamp: Duration, keyframe: bool) -> bool {
        // Each has to hear of every frame: `any` would stop at the first one that takes it.
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

    /// When a source sends frames, and which are keyframes.
    type Sent = Vec<(u64, bool)>;

    /// A source with a frame every `period_ms` and a keyframe every `group` of them.
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
        // The slots of half a second begin between those of a fifth.
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
                // Never further apart than two slots, or than the source sends them.
                let most = 2 * u64::try_from(one.interval.as_millis()).unwrap() + period_ms;
                let within = kept.windows(2).filter(|pair| pair[0] + slack < span);
                prop_assert!(within.into_iter().all(|pair| pair[1] - pair[0] <= most));
            }
        }

        /// What a plugin sees depends on no other one that the camera is captured for.
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
