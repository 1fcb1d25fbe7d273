//! The second reading of a replay: what becomes of each verdict, counted by camera.

use std::{cmp::Reverse, collections::BTreeMap};

use easysight_protocol::{JobId, ReplayChanges};

use crate::measurements::Check;

use super::{
    judge::{Outcome, Question, is_quiet, judge},
    limits::Limits,
    part::{Part, Values, Verdict},
};

/// If more than one in this many values beyond a limit raised no alarm, a value beyond the limit is not enough for an
/// alarm where another metric decides.
const RARELY_QUIET: u64 = 100;

/// A verdict that would change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) check: Check,
    pub(super) value: f64,
    pub(super) becomes_alarm: bool,
}

/// Verdicts that would change in the same way.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    count: u64,
    ends: Option<(Change, Change)>,
}

/// The verdicts of one camera.
#[derive(Debug, Default)]
struct Camera {
    verdicts: u64,
    alarms: u64,
    raised: Way,
    raised_beside: Way,
    cleared: Way,
    held: BTreeMap<usize, u64>,
    undetermined: u64,
    /// The number of normal verdicts although the value was beyond the present limit.
    quiet: u64,
}

/// What becomes of the verdicts of one camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CameraChanges {
    pub(super) camera: u32,
    pub(super) verdicts: u64,
    pub(super) alarms: u64,
    pub(super) changes: ReplayChanges,
    /// The first and the last verdict that would change.
    pub(super) ends: (Change, Change),
}

/// Counts what becomes of verdicts.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) limits: Limits,
    question: Question,
    cameras: BTreeMap<u32, Camera>,
    /// The number of quiet verdicts of each limit.
    quiet: Vec<u64>,
    /// The last camera, and its thresholds.
    known: Option<(u32, Vec<(f64, f64)>)>,
}

/// What becomes of all verdicts.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) limits: Limits,
    pub(super) verdicts: ReplayChanges,
    pub(super) cameras: ReplayChanges,
    pub(super) quiet: u64,
    /// The cameras with a change, those with most changes first.
    pub(super) changed: Vec<CameraChanges>,
}

impl Tally {
    pub(super) fn new(limits: Limits, question: Question) -> Self {
        let quiet = vec![0; limits.list.len()];
        Self { limits, question, cameras: BTreeMap::new(), quiet, known: None }
    }

    pub(super) fn take(&mut self, camera: u32, part: &Part) {
        let known = match self.known.take() {
            Some((of, known)) if of == camera => known,
            _ => self.limits.known_of(camera),
        };
        let Self { limits, question, cameras, quiet, .. } = self;
        for (verdict, values) in part.rows() {
            let counts = cameras.entry(camera).or_default();
            counts.verdicts += 1;
            counts.alarms += u64::from(verdict.alarm);
            for (place, (limit, quiet)) in limits.list.iter().zip(quiet.iter_mut()).enumerate() {
                if is_quiet(limits, place, limit, &known, verdict, values) {
                    *quiet += 1;
                    counts.quiet += u64::from(place == question.limit);
                }
            }
            let outcome = judge(limits, question, &known, verdict, values);
            counts.add(outcome, change(limits, question, verdict, values));
        }
        self.known = Some((camera, known));
    }

    pub(super) fn done(self) -> Counted {
        let Self { limits, question, cameras, quiet, .. } = self;
        let is_enough: Vec<bool> = limits
            .list
            .iter()
            .zip(&quiet)
            .map(|(limit, quiet)| quiet * RARELY_QUIET <= quiet + limit.alarms_beyond())
            .collect();
        let is_enough = |place: usize| is_enough.get(place).copied().unwrap_or_default();
        let (mut verdicts, mut of_cameras, mut changed) =
            (ReplayChanges::default(), ReplayChanges::default(), Vec::new());
        for (camera, counts) in cameras {
            let (changes, ends) = counts.changes(is_enough(question.limit), is_enough);
            verdicts.raised += changes.raised;
            verdicts.cleared += changes.cleared;
            verdicts.undetermined += changes.undetermined;
            of_cameras.raised += u64::from(changes.raised > 0);
            of_cameras.cleared += u64::from(changes.cleared > 0);
            of_cameras.undetermined += u64::from(changes.undetermined > 0);
            let Camera { verdicts, alarms, .. } = counts;
            changed.extend(ends.map(|ends| CameraChanges { camera, verdicts, alarms, changes, ends }));
        }
        // The sort is stable, so cameras with equally many changes stay in the order of their ids.
        changed.sort_by_key(|one: &CameraChanges| Reverse(one.changes.raised + one.changes.cleared));
        let quiet = quiet.get(question.limit).copied().unwrap_or_default();
        Counted { limits, verdicts, cameras: of_cameras, quiet, changed }
    }
}

impl Camera {
    fn add(&mut self, outcome: Outcome, change: Option<Change>) {
        match (outcome, change) {
            (Outcome::Same, _) => {}
            (Outcome::Raised, Some(change)) => self.raised.add(Change { becomes_alarm: true, ..change }),
            (Outcome::RaisedBeside, Some(change)) => {
                self.raised_beside.add(Change { becomes_alarm: true, ..change });
            }
            (Outcome::Cleared, Some(change)) => self.cleared.add(change),
            (Outcome::Held(place), _) => *self.held.entry(place).or_default() += 1,
            // Without a value (None), these outcomes cannot occur.
            (Outcome::Raised | Outcome::RaisedBeside | Outcome::Cleared, None)
            | (Outcome::Undetermined, _) => {
                self.undetermined += 1;
            }
        }
    }

    /// Returns the numbers of changes, and the first and the last one. `is_enough` returns whether a value beyond the
    /// limit at this place is enough for an alarm; `by_metric` is its answer for the limit that is replaced.
    fn changes(
        &self,
        by_metric: bool,
        is_enough: impl Fn(usize) -> bool,
    ) -> (ReplayChanges, Option<(Change, Change)>) {
        let mut undetermined = self.undetermined;
        let mut ways = vec![self.cleared];
        // A camera for which the plugin considers more than the limit may stay quiet with the other limit too.
        for (way, is_certain) in
            [(self.raised, self.quiet == 0), (self.raised_beside, self.quiet == 0 && by_metric)]
        {
            if is_certain {
                ways.push(way);
            } else {
                undetermined += way.count;
            }
        }
        let held = self.held.iter().filter(|(place, _)| !is_enough(**place));
        undetermined += held.map(|(_, count)| count).sum::<u64>();
        let raised = ways.iter().skip(1).map(|way| way.count).sum();
        let ends = ways.iter().filter_map(|way| way.ends).reduce(join);
        (ReplayChanges { raised, cleared: self.cleared.count, undetermined }, ends)
    }
}

impl Way {
    fn add(&mut self, change: Change) {
        self.count += 1;
        let one = (change, change);
        self.ends = Some(self.ends.map_or(one, |ends| join(ends, one)));
    }
}

fn join(a: (Change, Change), b: (Change, Change)) -> (Change, Change) {
    let first = if b.0.check < a.0.check { b.0 } else { a.0 };
    (first, if b.1.check > a.1.check { b.1 } else { a.1 })
}

/// Describes a verdict as a change from an alarm to normal. None if the check did not measure the question's metric.
fn change(limits: &Limits, question: &Question, verdict: &Verdict, values: Values<'_>) -> Option<Change> {
    let value = values.get(limits.list.get(question.limit)?.metric)?;
    Some(Change { check: verdict.check, value, becomes_alarm: false })
}

impl Change {
    pub(super) const fn job(&self) -> JobId {
        JobId(self.check.job)
    }
}
