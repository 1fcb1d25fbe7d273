//! The limits of a diagnosis, as its stored verdicts show them: for each metric that decided, the side on which values
//! raised an alarm, and how many verdicts this rule reproduces. Whatever the verdicts do not determine stays open.

use std::collections::{BTreeMap, HashMap};

use easysight_protocol::{LimitSide, LimitThreshold, MetricLimit, UntoldLimit};

use super::{
    part::Names,
    survey::{Group, Held, Place, Seen, Survey, place_of, widen},
};

/// From this number of verdicts on, the side of one threshold follows from the majority of its own verdicts, also if
/// they do not agree, or if none of them was an alarm. With fewer, it follows from those of all thresholds of the metric,
/// and at least one alarm has to show it: a few normal verdicts may all be beyond the limit, where the plugin was quiet.
const ENOUGH: u64 = 20;
/// The maximum number of thresholds that an answer lists.
const LISTED: usize = 16;

/// A limit: one side of a metric.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) metric: u16,
    pub(super) side: LimitSide,
    /// Whether a value at the limit raises an alarm. None if no verdict shows this, or if verdicts contradict each
    /// other.
    boundary: Option<bool>,
    pub(super) counts: Group,
    /// The thresholds that are told apart, with the number of their verdicts.
    thresholds: Vec<(f64, u64)>,
    /// The number of verdicts by other thresholds.
    other_verdicts: u64,
    /// The lowest and the highest threshold.
    pub(super) range: (f64, f64),
}

/// All limits of a diagnosis.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) names: Names,
    pub(super) list: Vec<Limit>,
    /// The metrics whose verdicts do not show the side.
    pub(super) untold: Vec<UntoldLimit>,
    /// The limit of each metric and threshold, by the bits of the threshold.
    by_threshold: HashMap<(u16, u64), usize>,
    /// The limit of each metric with more thresholds than are told apart.
    varying: HashMap<u16, usize>,
    held: HashMap<(u32, u16), Held>,
    seen: Vec<Seen>,
}

impl Limit {
    /// Returns true if the value raises an alarm by the rule. None if the value is at the threshold, and the verdicts
    /// do not show what that means.
    pub(super) fn is_beyond(&self, value: f64, threshold: f64) -> Option<bool> {
        match (place_of(value, threshold), self.side) {
            (Place::At, _) => self.boundary,
            (Place::Above, side) => Some(side == LimitSide::Above),
            (Place::Below, side) => Some(side == LimitSide::Below),
        }
    }

    /// Returns true if the value is beyond all thresholds of a range.
    pub(super) fn is_beyond_all(&self, value: f64, (least, most): (f64, f64)) -> Option<bool> {
        self.is_beyond(value, if self.side == LimitSide::Above { most } else { least })
    }

    /// Returns true if the value is beyond at least one threshold of a range.
    pub(super) fn is_beyond_any(&self, value: f64, (least, most): (f64, f64)) -> Option<bool> {
        self.is_beyond(value, if self.side == LimitSide::Above { least } else { most })
    }

    /// Returns the number of verdicts that the limit decided, and of those among them that the rule reproduces.
    pub(super) const fn explained(&self) -> (u64, u64) {
        let Group { above, below, at } = self.counts;
        let beside = match self.side {
            LimitSide::Above => above.alarms + below.normal,
            LimitSide::Below => below.alarms + above.normal,
        };
        let at = match self.boundary {
            Some(true) => at.alarms,
            Some(false) => at.normal,
            None => 0,
        };
        (self.counts.all(), beside + at)
    }

    /// Returns the number of alarms that the limit decided and the rule reproduces.
    pub(super) const fn alarms_beyond(&self) -> u64 {
        let Group { above, below, at } = self.counts;
        let beyond = match self.side {
            LimitSide::Above => above.alarms,
            LimitSide::Below => below.alarms,
        };
        if matches!(self.boundary, Some(true)) { beyond + at.alarms } else { beyond }
    }
}

impl Limits {
    pub(super) fn of(survey: Survey) -> Self {
        let Survey { names, metrics: seen, held, .. } = survey;
        let (mut list, mut by_threshold, mut varying) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut untold = Vec::new();
        for (metric, seen) in (0_u16..).zip(&seen) {
            let mut sides: BTreeMap<LimitSide, Vec<u64>> = BTreeMap::new();
            let all = seen.groups.values().chain([&seen.others]).fold(Group::default(), |mut all, one| {
                all.join(*one);
                all
            });
            let mut open = 0;
            for (bits, group) in &seen.groups {
                match side_of(group, &all, seen.varies()) {
                    Some(side) => sides.entry(side).or_default().push(*bits),
                    None => open += group.all(),
                }
            }
            if seen.varies() && told(&all).is_none() {
                open += seen.others.all();
            }
            if open > 0 {
                let (metric, unit) = names.get(metric);
                untold.push(UntoldLimit { metric: metric.to_owned(), unit: unit.to_owned(), verdicts: open });
            }
            let overall = told(&all);
            for (side, bits) in sides {
                let with_others = seen.varies() && overall == Some(side);
                for bits in &bits {
                    by_threshold.insert((metric, *bits), list.len());
                }
                if with_others {
                    varying.insert(metric, list.len());
                }
                list.extend(Limit::of(metric, side, &bits, seen, with_others));
            }
        }
        Self { names, list, untold, by_threshold, varying, held, seen }
    }

    /// Returns the place of the limit that a metric and a threshold belong to.
    pub(super) fn find(&self, metric: u16, threshold: f64) -> Option<usize> {
        let known = self.by_threshold.get(&(metric, threshold.to_bits()));
        known.or_else(|| self.varying.get(&metric)).copied()
    }

    /// Returns the place of the limit of a metric.
    pub(super) fn place_of(&self, metric: &str, unit: &str, side: LimitSide) -> Option<usize> {
        self.list.iter().position(|one| one.side == side && self.names.get(one.metric) == (metric, unit))
    }

    /// Returns true if verdicts were decided by exactly this threshold of a limit.
    pub(super) fn has(&self, place: usize, threshold: f64) -> bool {
        let of = |limit: &Limit| self.by_threshold.get(&(limit.metric, threshold.to_bits())) == Some(&place);
        self.list.get(place).is_some_and(of)
    }

    /// Returns the lowest and the highest threshold of each limit for a camera. If the limit decided no verdict of the
    /// camera, those of all cameras.
    pub(super) fn known_of(&self, camera: u32) -> Vec<(f64, f64)> {
        let of = |(place, limit): (usize, &Limit)| {
            let mut range = None;
            if let Some(held) = self.held.get(&(camera, limit.metric)) {
                let own = held.few.iter().chain(held.others.iter().flat_map(|(low, high)| [low, high]));
                own.filter(|one| self.find(limit.metric, **one) == Some(place))
                    .for_each(|one| widen(&mut range, *one));
            }
            range.unwrap_or(limit.range)
        };
        self.list.iter().enumerate().map(of).collect()
    }

    /// Returns the limits as an answer has them, the one that decided most verdicts first.
    pub(super) fn shown(&self) -> Vec<MetricLimit> {
        let mut all: Vec<_> = (0..self.list.len()).filter_map(|place| self.shown_of(place)).collect();
        all.sort_by(|a, b| b.verdicts.cmp(&a.verdicts).then_with(|| a.metric.cmp(&b.metric)));
        all
    }

    pub(super) fn shown_of(&self, place: usize) -> Option<MetricLimit> {
        let limit = self.list.get(place)?;
        let seen = self.seen.get(usize::from(limit.metric))?;
        let (name, unit) = self.names.get(limit.metric);
        let (verdicts, explained) = limit.explained();
        let mut cameras: HashMap<u64, u64> = HashMap::new();
        for ((_, metric), held) in &self.held {
            if *metric == limit.metric {
                held.few.iter().for_each(|one| *cameras.entry(one.to_bits()).or_default() += 1);
            }
        }
        let mut thresholds: Vec<_> = limit
            .thresholds
            .iter()
            .map(|(threshold, verdicts)| LimitThreshold {
                threshold: *threshold,
                verdicts: *verdicts,
                cameras: cameras.get(&threshold.to_bits()).copied().unwrap_or_default(),
            })
            .collect();
        thresholds
            .sort_by(|a, b| b.verdicts.cmp(&a.verdicts).then_with(|| a.threshold.total_cmp(&b.threshold)));
        let unlisted: u64 = thresholds.iter().skip(LISTED).map(|one| one.verdicts).sum();
        thresholds.truncate(LISTED);
        let (lowest, highest) = seen.range.unwrap_or_default();
        let (usually_from, usually_to) = seen.usual();
        Some(MetricLimit {
            metric: name.to_owned(),
            unit: unit.to_owned(),
            side: limit.side,
            verdicts,
            alarms: limit.counts.alarms(),
            explained,
            thresholds,
            other_verdicts: limit.other_verdicts + unlisted,
            lowest,
            highest,
            usually_from,
            usually_to,
            settings: Vec::new(),
        })
    }
}

impl Limit {
    fn of(metric: u16, side: LimitSide, bits: &[u64], seen: &Seen, with_others: bool) -> Option<Self> {
        let (mut counts, mut range, mut thresholds) = (Group::default(), None, Vec::new());
        for bits in bits {
            let Some(group) = seen.groups.get(bits) else { continue };
            let threshold = f64::from_bits(*bits);
            counts.join(*group);
            widen(&mut range, threshold);
            thresholds.push((threshold, group.all()));
        }
        let mut other_verdicts = 0;
        if with_others && let Some((low, high)) = seen.others_range {
            counts.join(seen.others);
            widen(&mut range, low);
            widen(&mut range, high);
            other_verdicts = seen.others.all();
        }
        let boundary = match (counts.at.normal, counts.at.alarms) {
            (0, 1..) => Some(true),
            (1.., 0) => Some(false),
            _ => None,
        };
        Some(Self { metric, side, boundary, counts, thresholds, other_verdicts, range: range? })
    }
}

/// Returns the side that most verdicts show, or None if they show none.
const fn majority(group: &Group) -> Option<LimitSide> {
    let (above, below) = votes(group);
    if above > below {
        Some(LimitSide::Above)
    } else if below > above {
        Some(LimitSide::Below)
    } else {
        None
    }
}

/// Returns the number of verdicts that fit each side.
const fn votes(group: &Group) -> (u64, u64) {
    (group.above.alarms + group.below.normal, group.below.alarms + group.above.normal)
}

/// Returns the side that the verdicts show, or None if they are too few and no alarm shows it.
fn told(group: &Group) -> Option<LimitSide> {
    let (above, below) = votes(group);
    let side = majority(group)?;
    let alarms = if side == LimitSide::Above { group.above.alarms } else { group.below.alarms };
    (alarms > 0 || above + below >= ENOUGH).then_some(side)
}

/// Returns the side of one threshold. `all` has the verdicts of all thresholds of the metric.
fn side_of(group: &Group, all: &Group, varies: bool) -> Option<LimitSide> {
    let (above, below) = votes(group);
    let agree = (above == 0) != (below == 0);
    if varies || (!agree && above + below < ENOUGH) {
        return told(all);
    }
    // A metric may have limits on both sides, so the verdicts of other thresholds count only if they agree.
    told(group).or_else(|| majority(group).filter(|side| told(all) == Some(*side)))
}
