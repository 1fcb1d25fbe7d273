//! The first reading of a replay: which metrics decided verdicts, with which limits, and on which side of a limit
//! values raised an alarm. A plugin does not say the side, so it follows from the stored verdicts.

use std::collections::{BTreeMap, HashMap};

use super::part::{Decided, Names, Part};

/// The maximum number of limits of one metric that are told apart. A plugin that adapts its limit to the camera has
/// more.
const MAX_GROUPS: usize = 64;
/// The maximum number of limits of one metric and camera that are told apart.
const MAX_HELD: usize = 16;
/// After the first [`ALL_COUNTED`] values, only about one in this many values is counted for the usual range.
const COUNTED: u64 = 8;
const ALL_COUNTED: u64 = 4_096;
/// The number of low bits of a value that the usual range ignores. Values that differ by less than 1.6 % may then count
/// as equal.
const COARSE: u32 = 46;
/// The relative precision of stored values; see the codec of measurements.
const PRECISION: f64 = 1.0 / 131_072.0;

/// The place of a value: above a limit, below it, or at it. A value is at the limit if the two are equal within the
/// precision of stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Above,
    Below,
    At,
}

pub(super) fn place_of(value: f64, threshold: f64) -> Place {
    if (value - threshold).abs() <= value.abs() * PRECISION {
        Place::At
    } else if value > threshold {
        Place::Above
    } else {
        Place::Below
    }
}

/// The verdicts that were decided by one limit: the number of normal ones and of alarms, by the place of the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) above: Counts,
    pub(super) below: Counts,
    pub(super) at: Counts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) normal: u64,
    pub(super) alarms: u64,
}

impl Counts {
    pub(super) const fn all(self) -> u64 {
        self.normal + self.alarms
    }

    const fn add(&mut self, alarm: bool) {
        if alarm {
            self.alarms += 1;
        } else {
            self.normal += 1;
        }
    }

    const fn join(&mut self, other: Self) {
        self.normal += other.normal;
        self.alarms += other.alarms;
    }
}

impl Group {
    pub(super) const fn all(self) -> u64 {
        self.above.all() + self.below.all() + self.at.all()
    }

    pub(super) const fn alarms(self) -> u64 {
        self.above.alarms + self.below.alarms + self.at.alarms
    }

    pub(super) const fn join(&mut self, other: Self) {
        self.above.join(other.above);
        self.below.join(other.below);
        self.at.join(other.at);
    }
}

/// What was seen of one metric.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The verdicts that it decided, by the bits of the limit.
    pub(super) groups: BTreeMap<u64, Group>,
    /// The verdicts by further limits.
    pub(super) others: Group,
    /// The lowest and the highest of these further limits.
    pub(super) others_range: Option<(f64, f64)>,
    /// The lowest and the highest value.
    pub(super) range: Option<(f64, f64)>,
    measured: u64,
    coarse: HashMap<i64, u64>,
}

/// The limits of a metric by which verdicts of one camera were decided.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) few: Vec<f64>,
    /// The lowest and the highest of those that are not in `few`.
    pub(super) others: Option<(f64, f64)>,
}

/// What the first reading has found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) names: Names,
    pub(super) metrics: Vec<Seen>,
    /// The limits of each camera and metric.
    pub(super) held: HashMap<(u32, u16), Held>,
    pub(super) cameras: u64,
    pub(super) verdicts: u64,
    pub(super) alarms: u64,
    pub(super) without_verdict: u64,
    /// The camera that has a verdict and was met last.
    last: Option<u32>,
}

impl Survey {
    pub(super) fn take(&mut self, camera: u32, part: &Part) {
        self.without_verdict += part.without_verdict;
        for (verdict, values) in part.rows() {
            if self.last != Some(camera) {
                self.last = Some(camera);
                self.cameras += 1;
            }
            self.verdicts += 1;
            self.alarms += u64::from(verdict.alarm);
            for (metric, value) in values.all() {
                self.seen(metric).measure(value);
            }
            if let Some(decided) = verdict.decided {
                self.seen(decided.metric).decide(decided, verdict.alarm);
                self.held.entry((camera, decided.metric)).or_default().note(decided.threshold);
            }
        }
    }

    fn seen(&mut self, metric: u16) -> &mut Seen {
        let at = usize::from(metric);
        if self.metrics.len() <= at {
            self.metrics.resize_with(at + 1, Seen::default);
        }
        #[expect(clippy::indexing_slicing, reason = "the line above has made this place")]
        &mut self.metrics[at]
    }
}

impl Held {
    fn note(&mut self, threshold: f64) {
        if self.few.iter().any(|one| one.to_bits() == threshold.to_bits()) {
            return;
        }
        if self.few.len() < MAX_HELD {
            self.few.push(threshold);
        } else {
            widen(&mut self.others, threshold);
        }
    }
}

impl Seen {
    fn measure(&mut self, value: f64) {
        widen(&mut self.range, value);
        self.measured += 1;
        // The later values that count are chosen in a mixed order. With a regular order, they could all be of the same
        // time of day, because each day has a fixed number of checks.
        let mixed = self.measured.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        if self.measured <= ALL_COUNTED {
            *self.coarse.entry(coarse_of(value)).or_default() += 1;
        } else if mixed.is_multiple_of(COUNTED) {
            *self.coarse.entry(coarse_of(value)).or_default() += COUNTED;
        }
    }

    fn decide(&mut self, decided: Decided, alarm: bool) {
        let bits = decided.threshold.to_bits();
        let group = if self.groups.len() < MAX_GROUPS || self.groups.contains_key(&bits) {
            self.groups.entry(bits).or_default()
        } else {
            widen(&mut self.others_range, decided.threshold);
            &mut self.others
        };
        let counts = match place_of(decided.value, decided.threshold) {
            Place::Above => &mut group.above,
            Place::Below => &mut group.below,
            Place::At => &mut group.at,
        };
        counts.add(alarm);
    }

    /// True if the plugin has more limits than are told apart.
    pub(super) const fn varies(&self) -> bool {
        self.others_range.is_some()
    }

    /// Returns, approximately, the value below which 1 % of the values are, and the value above which 1 % are.
    pub(super) fn usual(&self) -> (f64, f64) {
        let mut counted: Vec<(i64, u64)> = self.coarse.iter().map(|(key, count)| (*key, *count)).collect();
        counted.sort_unstable();
        let few = counted.iter().map(|(_, count)| count).sum::<u64>() / 100;
        let (low, high) = self.range.unwrap_or_default();
        let end = |key: Option<i64>| key.map(|key| value_of(key).clamp(low, high));
        let usually_from = end(first_after(counted.iter(), few)).unwrap_or(low);
        (usually_from, end(first_after(counted.iter().rev(), few)).unwrap_or(high))
    }
}

/// Returns the first key after those of about `few` values.
fn first_after<'a>(mut counted: impl Iterator<Item = &'a (i64, u64)>, few: u64) -> Option<i64> {
    let mut passed = 0;
    let found = counted.find(|(_, count)| {
        passed += count;
        passed > few
    });
    found.map(|(key, _)| *key)
}

pub(super) fn widen(range: &mut Option<(f64, f64)>, by: f64) {
    *range = Some(range.map_or((by, by), |(low, high)| (low.min(by), high.max(by))));
}

/// Returns the number of the narrow range in which a value is. The numbers sort like the values.
const fn coarse_of(value: f64) -> i64 {
    let key = (value.abs().to_bits() >> COARSE).cast_signed();
    if value < 0.0 { -key - 1 } else { key }
}

/// Returns the middle of a narrow range.
fn value_of(key: i64) -> f64 {
    let size = if key < 0 { -(key + 1) } else { key };
    // Zero is in the narrowest range.
    let value =
        if size == 0 { 0.0 } else { f64::from_bits(size.unsigned_abs() << COARSE | 1 << (COARSE - 1)) };
    if key < 0 { -value } else { value }
}
