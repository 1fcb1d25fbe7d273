//! The current time: the machine's clock, checked against a measurement. A machine's clock may be wrong, for example
//! after its battery was empty, and may later be corrected by a person or a time server. So the time between two
//! readings of the clock is also measured, in a way that such corrections do not change. If the clock advanced by more
//! or less than the measured time, the clock stepped.
//!
//! The master follows a step only once it believes the step: after the clock has kept its new time for a while. Until
//! then, the master adds the measured time to the last reading before the step. If the clock returns to the time that
//! it would show without the last believed step, the master follows the clock at once.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use easysight_protocol::{Ids, RunId};
use parking_lot::Mutex;

/// The largest difference between the advance of the machine's clock and the measured time that is not a step, in
/// milliseconds. Small differences are normal, because clocks are slewed and machines sleep briefly.
const TOLERANCE_MS: i64 = 2_000;
/// The time for which a clock must keep its new time before a step is believed, in milliseconds.
const HOLD_MS: i64 = 30_000;

/// A measured clock. Times are in milliseconds. `wall` is the machine's clock, since 1970. `elapsed` is the
/// measured time since an arbitrary start.
#[derive(Debug, Default)]
pub(crate) struct MeasuredClock {
    /// The last reading at which the machine's clock and the measured time agreed.
    anchor: Option<Anchor>,
    /// The anchor before the last step that was believed.
    former: Option<Anchor>,
    /// A step that is not believed yet, and the time when it was first noticed.
    step: Option<Step>,
    believed: Believed,
}

/// The steps that were believed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Believed {
    /// The number of steps.
    pub(crate) steps: u64,
    /// The sum of all steps, in milliseconds.
    pub(crate) by_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: i64,
    elapsed: i64,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    by: i64,
    since: i64,
}

/// A change of the clock that a reading showed for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The clock stepped by this number of milliseconds. The step is not believed yet.
    Stepped(i64),
    /// The clock stepped by this number of milliseconds, and its new time is believed from now on.
    Believed(i64),
    /// The clock shows its former time again, as if it had not stepped. The step was never believed.
    Returned,
}

impl Anchor {
    const fn at(self, elapsed: i64) -> i64 {
        self.wall + (elapsed - self.elapsed)
    }
}

impl MeasuredClock {
    /// Returns the time. Also returns the change of the clock if this reading is the first to show a change.
    pub(crate) fn now(&mut self, wall: i64, elapsed: i64) -> (i64, Option<Seen>) {
        let Some(anchor) = self.anchor else {
            self.anchor = Some(Anchor { wall, elapsed });
            return (wall, None);
        };
        let measured = anchor.at(elapsed);
        let by = wall - measured;
        if by.abs() <= TOLERANCE_MS {
            let returned = self.step.take().map(|_| Seen::Returned);
            self.anchor = Some(Anchor { wall, elapsed });
            return (wall, returned);
        }
        let was_there = self.former.is_some_and(|former| (wall - former.at(elapsed)).abs() <= TOLERANCE_MS);
        let step = self.step.filter(|step| (step.by - by).abs() <= TOLERANCE_MS);
        match step {
            _ if was_there => self.believe(wall, elapsed, by),
            Some(step) if elapsed - step.since >= HOLD_MS => self.believe(wall, elapsed, by),
            Some(_) => (measured, None),
            None => {
                self.step = Some(Step { by, since: elapsed });
                (measured, Some(Seen::Stepped(by)))
            }
        }
    }

    fn believe(&mut self, wall: i64, elapsed: i64, by: i64) -> (i64, Option<Seen>) {
        self.former = self.anchor.replace(Anchor { wall, elapsed });
        self.step = None;
        self.believed = Believed { steps: self.believed.steps + 1, by_ms: self.believed.by_ms + by };
        (wall, Some(Seen::Believed(by)))
    }
}

/// The master's clock, and the ids of its runs. It is made once and passed to all code that needs the time.
#[derive(Debug)]
pub(crate) struct Clock {
    begin: Instant,
    measured: Mutex<MeasuredClock>,
    run_ids: Ids,
}

impl Clock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begin: Instant::now(), measured: Mutex::default(), run_ids: Ids::default() })
    }

    /// Returns the current time as the store counts it. The first call that sees a step of the machine's clock logs
    /// the step.
    pub(crate) fn now_ms(&self) -> i64 {
        let (now, seen) = {
            let mut measured = self.measured.lock();
            let elapsed = i64::try_from(self.begin.elapsed().as_millis()).unwrap_or(i64::MAX);
            measured.now(easysight_protocol::now().timestamp_millis(), elapsed)
        };
        match seen {
            None => {}
            Some(Seen::Stepped(by)) => tracing::warn!(
                by_seconds = by / 1_000,
                "the system clock stepped; the master keeps its own time until the system clock is stable"
            ),
            Some(Seen::Believed(by)) => {
                tracing::warn!(
                    by_seconds = by / 1_000,
                    "the master follows the system clock again after a step"
                );
            }
            Some(Seen::Returned) => tracing::warn!("the system clock is back where it was before its step"),
        }
        now
    }

    /// Returns [`Self::now_ms`] as a date.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_else(easysight_protocol::now)
    }

    /// Makes the id of a new run. Ids sort by the measured time.
    pub(crate) fn run_id(&self) -> RunId {
        RunId(self.run_ids.next(self.now_ms()))
    }

    /// Makes ids of runs sort by time again, after ids were made while a clock was ahead.
    pub(crate) fn restart_ids(&self) {
        self.run_ids.restart();
    }

    /// Returns the steps of the machine's clock that were believed since the start.
    pub(crate) fn believed(&self) -> Believed {
        self.measured.lock().believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 86_400_000;

    #[test]
    fn a_clock_that_is_wrong_for_a_moment_is_not_believed() {
        let mut clock = MeasuredClock::default();
        assert_eq!(clock.now(1_000_000, 0), (1_000_000, None));
        // The clock is slewed a little.
        assert_eq!(clock.now(1_010_300, 10_000), (1_010_300, None));
        assert_eq!(clock.now(1_011_300 + YEAR, 11_000), (1_011_300, Some(Seen::Stepped(YEAR))));
        assert_eq!(clock.now(1_026_300 + YEAR, 26_000), (1_026_300, None));
        assert_eq!(clock.now(1_027_300, 27_000), (1_027_300, Some(Seen::Returned)));
        assert_eq!(clock.believed, Believed::default());
    }

    #[test]
    fn a_clock_that_stays_where_it_stepped_to_is_believed_and_one_that_returns_at_once() {
        for by in [YEAR, -YEAR] {
            let mut clock = MeasuredClock::default();
            clock.now(0, 0);
            assert_eq!(clock.now(by + 1_000, 1_000), (1_000, Some(Seen::Stepped(by))));
            assert_eq!(clock.now(by + 30_999, 30_999), (30_999, None));
            assert_eq!(clock.now(by + 31_000, 31_000), (by + 31_000, Some(Seen::Believed(by))));
            assert_eq!(clock.now(by + 90_000, 90_000), (by + 90_000, None));
            assert_eq!(clock.now(91_000, 91_000), (91_000, Some(Seen::Believed(-by))));
            assert_eq!(clock.believed, Believed { steps: 2, by_ms: 0 });
        }
    }

    #[test]
    fn steps_that_follow_each_other_are_waited_out_anew() {
        let mut clock = MeasuredClock::default();
        clock.now(0, 0);
        clock.now(YEAR, 0);
        assert_eq!(clock.now(2 * YEAR + 29_000, 29_000), (29_000, Some(Seen::Stepped(2 * YEAR))));
        assert_eq!(clock.now(2 * YEAR + 31_000, 31_000), (31_000, None));
    }
}
