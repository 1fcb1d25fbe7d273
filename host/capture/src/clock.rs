//! Checks the clock that stamps a camera's pictures. The timestamps are compared with the arrival times by this
//! machine's clock.

use std::time::Instant;

use crate::feed::Unit;

/// The largest difference, in seconds, between the step of the timestamps and the time that passed from one
/// picture to the next. A larger difference is a jump. Networks delay pictures by at most a second or two.
const JUMP: f64 = 3.0;
/// The largest step back that counts as rounding, as a negative number of seconds.
const BACK: f64 = -0.05;
/// The largest relative error of a clock's speed that still counts as right: a clock may run 20 % too fast or too slow.
/// The same limit applies to the rate at which pictures arrive. If that rate differs from the declared frame rate by
/// more than 20 %, the speed of the clock is not measured.
const WRONG_SPEED: f64 = 0.2;
/// The time after the first picture, in seconds, in which servers send the pictures that they buffered for new
/// clients. These pictures arrive faster than their timestamps say. The speed of a clock is therefore measured twice:
/// with this time and without it.
const SETTLED: f64 = 0.5;
/// The shortest time, in seconds, over which a speed is measured. Over a shorter time the network's delays
/// dominate.
const LEAST_SPAN: f64 = 1.2;
/// The shortest time, in seconds, over which a speed is measured if the stream declares no frame rate. While a slow
/// network catches up, pictures may arrive too fast for some seconds, so that the clock seems to run too fast.
const LEAST_SPAN_UNDECLARED: f64 = 4.0;
/// The smallest number of pictures from which a clock is checked.
const LEAST_PICTURES: usize = 5;

/// The behaviour of a camera's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CameraClock {
    /// The clock runs at the right speed.
    Right,
    /// The clock jumped this many times.
    Jumps(u32),
    /// More than half of the pictures have the timestamp of the previous picture.
    StandsStill,
    /// The clock runs too fast or too slow. The value is 2 if it runs twice as fast as this machine's clock.
    Runs(f64),
}

/// A picture's timestamp and arrival time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamped {
    arrival: Instant,
    ticks: u32,
    /// True if the picture may be shown before pictures that arrived earlier.
    reordered: bool,
}

impl Stamped {
    /// Returns the stamp of a picture. None if the camera gave the picture no timestamp.
    pub(crate) fn of(unit: &Unit) -> Option<Self> {
        let ticks = unit.stamp?;
        Some(Self { arrival: unit.arrival, ticks, reordered: unit.reordered })
    }

    /// Returns true if the picture is shown before `earlier`, which arrived earlier. A step back by a second or more is
    /// a jump of the clock.
    pub(crate) fn is_shown_before(&self, earlier: &Self, clock_rate: u32) -> bool {
        let back = i64::from(earlier.ticks.wrapping_sub(self.ticks).cast_signed());
        self.reordered && (1..i64::from(clock_rate)).contains(&back)
    }
}

/// The step from one picture to the next. Only pictures that are certainly in display order count. Pictures that may be
/// shown before others that arrived earlier are left out.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// The seconds by the camera's clock.
    stepped: f64,
    /// The seconds by this machine's clock.
    passed: f64,
    /// The number of pictures that arrived during the step, including the pictures that are left out.
    pictures: usize,
}

/// The timestamps of a stream.
pub(crate) struct Stamps {
    /// The number of ticks per second.
    rate: f64,
    pictures: usize,
    /// The steps, in the order of arrival.
    steps: Vec<Step>,
    /// The ticks between each picture and the next one in display order. The shortest gap is first.
    gaps: Vec<i32>,
}

impl Stamps {
    /// Collects timestamps. Returns none if fewer than two pictures are certainly in display order.
    pub(crate) fn of(pictures: impl IntoIterator<Item = Stamped>, clock_rate: u32) -> Option<Self> {
        let pictures: Vec<Stamped> = pictures.into_iter().collect();
        let rate = f64::from(clock_rate.max(1));
        let ticks = |from: &Stamped, to: &Stamped| to.ticks.wrapping_sub(from.ticks).cast_signed();
        let first = pictures.first()?;
        let mut shown: Vec<i32> = pictures.iter().map(|picture| ticks(first, picture)).collect();
        shown.sort_unstable();
        let mut gaps: Vec<i32> = shown.array_windows().map(|[a, b]| b.saturating_sub(*a)).collect();
        gaps.sort_unstable();
        let in_order: Vec<(usize, &Stamped)> =
            pictures.iter().enumerate().filter(|(_, picture)| !picture.reordered).collect();
        let step = |[(from, a), (to, b)]: &[(usize, &Stamped); 2]| Step {
            stepped: f64::from(ticks(a, b)) / rate,
            passed: b.arrival.saturating_duration_since(a.arrival).as_secs_f64(),
            pictures: to - from,
        };
        let steps: Vec<_> = in_order.array_windows().map(step).collect();
        (!steps.is_empty()).then_some(Self { rate, pictures: pictures.len(), steps, gaps })
    }

    /// Returns the frame rate by the median gap, in frames per second. None if the median gap is zero.
    pub(crate) fn frame_rate(&self) -> Option<f64> {
        let gap = self.gaps.get(self.gaps.len() / 2)?;
        (*gap > 0).then(|| self.rate / f64::from(*gap))
    }

    /// Determines the behaviour of the clock. `declared` is the frame rate that the stream declares, if any. Returns
    /// none if there are too few pictures.
    pub(crate) fn clock(&self, declared: Option<f64>) -> Option<CameraClock> {
        if self.pictures < LEAST_PICTURES {
            return None;
        }
        let still = self.steps.iter().filter(|step| step.stepped == 0.0).count();
        if 2 * still > self.steps.len() {
            return Some(CameraClock::StandsStill);
        }
        let is_jump = |step: &&Step| (step.stepped - step.passed).abs() > JUMP || step.stepped < BACK;
        let jumps = self.steps.iter().filter(is_jump).count();
        if jumps > 0 {
            return Some(CameraClock::Jumps(u32::try_from(jumps).unwrap_or(u32::MAX)));
        }
        Some(self.wrong_speed(declared).map_or(CameraClock::Right, CameraClock::Runs))
    }

    /// Returns the speed of the clock if the speed is wrong. Servers send the pictures that they buffered for new
    /// clients all at once, at the beginning. Networks may delay pictures at any time. The speed therefore counts as
    /// wrong only under three conditions:
    /// - The speed is wrong in the same direction over the whole time and over the part after [`SETTLED`].
    /// - This part is long enough to measure a speed.
    /// - If the stream declares a frame rate, the pictures of this part arrived at this rate.
    fn wrong_speed(&self, declared: Option<f64>) -> Option<f64> {
        let sum = |steps: &[Step]| {
            steps.iter().fold(Step::default(), |sum, step| Step {
                stepped: sum.stepped + step.stepped,
                passed: sum.passed + step.passed,
                pictures: sum.pictures + step.pictures,
            })
        };
        let mut before = 0.0;
        let settled = self.steps.iter().take_while(|step| {
            before += step.passed;
            before < SETTLED
        });
        let later = self.steps.get(settled.count()..).unwrap_or_default();
        let (whole, later) = (sum(&self.steps), sum(later));
        let is_certain = match declared {
            Some(rate) => {
                let arrived = later.pictures as f64 / later.passed;
                later.passed >= LEAST_SPAN && (arrived / rate - 1.0).abs() <= WRONG_SPEED
            }
            None => later.passed >= LEAST_SPAN_UNDECLARED,
        };
        let (whole, later) = (whole.stepped / whole.passed, later.stepped / later.passed);
        let is_wrong = [whole, later].iter().all(|speed| (speed - 1.0).abs() > WRONG_SPEED);
        (is_certain && is_wrong && (whole > 1.0) == (later > 1.0)).then_some(later)
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
        stamps(sent)?.clock(None)
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
    fn over_a_short_time_a_clock_is_fast_only_if_the_pictures_are_not() {
        let sent = |step_ms: u64, ticks: u32| -> Vec<(u64, u32)> {
            (0..50_u32).map(|n| (u64::from(n) * step_ms, n * ticks)).collect()
        };
        let is_wrong = |sent: &[(u64, u32)], declared| {
            matches!(stamps(sent).unwrap().clock(declared), Some(CameraClock::Runs(_)))
        };
        assert!(is_wrong(&sent(40, 7_200), Some(25.0)));
        assert!(is_wrong(&sent(40, 1_800), Some(25.0)));
        // A slow network catches up with the pictures that a server buffered: 25 frames per second arrive at 50
        // per second.
        let catching_up: Vec<(u64, u32)> = (0..100_u32).map(|n| (u64::from(n) * 20, n * 3_600)).collect();
        assert!(!is_wrong(&catching_up, Some(25.0)));
        assert!(!is_wrong(&catching_up, None));
        assert!(!is_wrong(&sent(40, 7_200), None));
        assert!(!is_wrong(&sent(40, 3_600), Some(25.0)));
    }

    #[test]
    fn pictures_that_may_be_reordered_count_as_arrived() {
        // H.265: only keyframes, one each second, are certainly in display order.
        let begun = Instant::now();
        let sent = |ticks: u32| {
            (0..100_u32).map(move |n| Stamped {
                arrival: begun + Duration::from_millis(u64::from(n) * 40),
                ticks: n * ticks,
                reordered: n % 25 != 0,
            })
        };
        let judged = |ticks| Stamps::of(sent(ticks), 90_000).unwrap().clock(Some(25.0));
        assert!(matches!(judged(7_200), Some(CameraClock::Runs(times)) if (times - 2.0).abs() < 1e-6));
        assert_eq!(judged(3_600), Some(CameraClock::Right));
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
            if let Some(CameraClock::Runs(times)) = stamps.and_then(|stamps| stamps.clock(Some(25.0))) {
                prop_assert!(times.is_finite());
            }
        }
    }
}
