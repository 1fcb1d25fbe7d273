//! The clock that stamps a camera's pictures, compared with their arrival times by this machine's clock.

use std::time::Instant;

use crate::feed::Unit;

/// The largest difference, in seconds, between the step of the timestamps and the time that passed from one
/// picture to the next. A larger difference is a jump. Networks hold pictures back for at most a second or two.
const JUMP: f64 = 3.0;
/// The largest step back, in seconds, that counts as rounding.
const BACK: f64 = -0.05;
/// The largest share by which a clock's speed may be wrong. A clock that is wrong by more does not measure time.
const WRONG_SPEED: f64 = 0.2;
/// The shortest time, in seconds, over which a speed is measured. Over a shorter time the network's delays
/// dominate.
const LEAST_SPAN: f64 = 2.0;
/// The fewest pictures that are needed to judge a clock.
const LEAST_PICTURES: usize = 5;

/// The behaviour of a camera's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CameraClock {
    /// The clock runs at the speed of time.
    Right,
    /// The clock jumped this many times.
    Jumps(u32),
    /// Most pictures have the timestamp of the picture before.
    StandsStill,
    /// The clock runs this many times as fast as time.
    Runs(f64),
}

/// A picture's timestamp, and when the picture arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamped {
    arrival: Instant,
    ticks: u32,
    /// True if the picture is shown before pictures that arrived earlier.
    reordered: bool,
}

impl Stamped {
    /// Returns the stamp of a picture. None if the camera gave the picture no timestamp.
    pub(crate) fn of(unit: &Unit) -> Option<Self> {
        let ticks = unit.stamp?;
        Some(Self { arrival: unit.arrival, ticks, reordered: unit.reordered })
    }
}

/// The timestamps of a stream.
pub(crate) struct Stamps {
    /// Ticks per second.
    rate: f64,
    pictures: usize,
    /// The seconds from one picture to the next, by the camera's clock and by this machine's clock. Pictures that
    /// are shown before others that arrived earlier are left out.
    steps: Vec<(f64, f64)>,
    /// The ticks between neighbours in display order, sorted.
    gaps: Vec<i32>,
}

impl Stamps {
    /// Collects timestamps. None for fewer than two pictures.
    pub(crate) fn of(pictures: impl IntoIterator<Item = Stamped>, clock_rate: u32) -> Option<Self> {
        let pictures: Vec<Stamped> = pictures.into_iter().collect();
        let rate = f64::from(clock_rate.max(1));
        let ticks = |from: &Stamped, to: &Stamped| to.ticks.wrapping_sub(from.ticks).cast_signed();
        let first = pictures.first()?;
        let mut shown: Vec<i32> = pictures.iter().map(|picture| ticks(first, picture)).collect();
        shown.sort_unstable();
        let mut gaps: Vec<i32> = shown.array_windows().map(|[a, b]| b.saturating_sub(*a)).collect();
        gaps.sort_unstable();
        let in_order: Vec<&Stamped> = pictures.iter().filter(|picture| !picture.reordered).collect();
        let step = |[a, b]: &[&Stamped; 2]| {
            (f64::from(ticks(a, b)) / rate, b.arrival.saturating_duration_since(a.arrival).as_secs_f64())
        };
        let steps: Vec<_> = in_order.array_windows().map(step).collect();
        (!steps.is_empty()).then_some(Self { rate, pictures: pictures.len(), steps, gaps })
    }

    /// Frames per second, from the median gap. None if most timestamps are equal.
    pub(crate) fn frame_rate(&self) -> Option<f64> {
        let gap = self.gaps.get(self.gaps.len() / 2)?;
        (*gap > 0).then(|| self.rate / f64::from(*gap))
    }

    /// The speed of the clock after `skipped` steps. None if too little time passed.
    fn speed(&self, skipped: usize) -> Option<f64> {
        let steps = || self.steps.iter().skip(skipped);
        let passed: f64 = steps().map(|(_, passed)| passed).sum();
        (passed >= LEAST_SPAN).then(|| steps().map(|(stepped, _)| stepped).sum::<f64>() / passed)
    }

    /// The behaviour of the clock. None if there are too few pictures to tell.
    pub(crate) fn clock(&self) -> Option<CameraClock> {
        if self.pictures < LEAST_PICTURES {
            return None;
        }
        let still = self.steps.iter().filter(|(stepped, _)| *stepped == 0.0).count();
        if 2 * still > self.steps.len() {
            return Some(CameraClock::StandsStill);
        }
        let is_jump = |(stepped, passed): &&(f64, f64)| (stepped - passed).abs() > JUMP || *stepped < BACK;
        let jumps = self.steps.iter().filter(is_jump).count();
        if jumps > 0 {
            return Some(CameraClock::Jumps(u32::try_from(jumps).unwrap_or(u32::MAX)));
        }
        // Pictures that a server kept for new clients arrive all at once, at the beginning. Pictures that a
        // network held back may arrive late at any time. A clock that runs wrong does so over the whole time and
        // over the later part.
        let whole = self.speed(0);
        let later = self.speed(self.steps.len() / 3);
        if let (Some(whole), Some(later)) = (whole, later)
            && [whole, later].iter().all(|speed| (speed - 1.0).abs() > WRONG_SPEED)
            && (whole > 1.0) == (later > 1.0)
        {
            return Some(CameraClock::Runs(later));
        }
        Some(CameraClock::Right)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Makes pictures that arrived after these milliseconds, with these timestamps at 90,000 ticks per second.
    fn stamps(sent: &[(u64, u32)]) -> Option<Stamps> {
        let begun = Instant::now();
        let stamped = |(at, ticks): &(u64, u32)| Stamped {
            arrival: begun + Duration::from_millis(*at),
            ticks: *ticks,
            reordered: false,
        };
        Stamps::of(sent.iter().map(stamped), 90_000)
    }

    fn judged(sent: &[(u64, u32)]) -> Option<CameraClock> {
        stamps(sent)?.clock()
    }

    fn clock(stamp: impl Fn(u32) -> u32) -> Option<CameraClock> {
        let sent: Vec<_> = (0..125_u32).map(|n| (u64::from(n) * 40, stamp(n))).collect();
        judged(&sent)
    }

    #[test]
    fn each_way_of_a_clock_to_be_wrong_is_told_apart() {
        assert_eq!(clock(|n| (n * 3_600).wrapping_sub(100_000)), Some(CameraClock::Right));
        assert_eq!(clock(|_| 4_711), Some(CameraClock::StandsStill));
        assert_eq!(clock(|n| n * 3_600 + if n < 60 { 0 } else { 324_000_000 }), Some(CameraClock::Jumps(1)));
        let back = |n: u32| 500_000_000 + n * 3_600 - if n < 60 { 0 } else { 324_000_000 };
        assert_eq!(clock(back), Some(CameraClock::Jumps(1)));
        let Some(CameraClock::Runs(times)) = clock(|n| n * 7_200) else {
            panic!("{:?}", clock(|n| n * 7_200))
        };
        assert!((times - 2.0).abs() < 1e-6, "{times}");
    }

    #[test]
    fn what_networks_and_servers_do_is_no_fault_of_the_clock() {
        let held: Vec<_> = (0..125_u32)
            .map(|n| (u64::from(if (30..60).contains(&n) { 60 } else { n }) * 40, n * 3_600))
            .collect();
        assert_eq!(judged(&held), Some(CameraClock::Right));
        let at_once: Vec<_> =
            (0..150_u32).map(|n| (u64::from(n.saturating_sub(50)) * 40, n * 3_600)).collect();
        assert_eq!(judged(&at_once), Some(CameraClock::Right));
    }

    #[test]
    fn a_few_pictures_tell_nothing() {
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[(0, 5), (40, 5), (80, 5), (120, 5)]), None);
    }

    proptest! {
        #[test]
        fn no_timestamps_make_it_panic(sent in prop::collection::vec((0..9_000_u64, any::<u32>()), 0..80)) {
            let mut sent = sent;
            sent.sort_unstable();
            let stamps = stamps(&sent);
            prop_assert!(stamps.as_ref().and_then(Stamps::frame_rate).is_none_or(|rate| rate > 0.0));
            if let Some(CameraClock::Runs(times)) = stamps.and_then(|stamps| stamps.clock()) {
                prop_assert!(times.is_finite());
            }
        }
    }
}
