//! The rule of a replay, for one verdict: a verdict is an alarm if the metric that decided it is beyond its limit. The
//! rule is applied only if it also explains the stored verdict, and only as far as the stored data show the outcome.

use super::{
    limits::{Limit, Limits},
    part::{Values, Verdict},
};

/// The question of a replay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Question {
    /// The place of the limit that is replaced.
    pub(super) limit: usize,
    /// Only this threshold is replaced. None for all.
    pub(super) from: Option<f64>,
    /// The threshold that replaces it.
    pub(super) threshold: f64,
}

/// What becomes of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    /// An alarm, because the metric that decided is beyond its new limit.
    Raised,
    /// An alarm, because the metric is beyond its new limit, although another metric has decided so far.
    RaisedBeside,
    Cleared,
    /// The metric that decided is no longer beyond its limit, but another metric is beyond its own limit. The limit of
    /// the other metric has this place in the list.
    Held(usize),
    Undetermined,
}

/// The thresholds of one camera; see [`Limits::known_of`].
pub(super) type Known = [(f64, f64)];

/// Decides what becomes of a verdict.
pub(super) fn judge(
    limits: &Limits,
    question: &Question,
    known: &Known,
    verdict: &Verdict,
    values: Values<'_>,
) -> Outcome {
    let Some(limit) = limits.list.get(question.limit) else { return Outcome::Same };
    let decides = verdict.decided.and_then(|one| Some((one, limits.find(one.metric, one.threshold)?)));
    if let Some((decided, place)) = decides
        && place == question.limit
    {
        if question.from.is_some_and(|from| from.to_bits() != decided.threshold.to_bits()) {
            return Outcome::Same;
        }
        let before = limit.is_beyond(decided.value, decided.threshold);
        let after = limit.is_beyond(decided.value, question.threshold);
        return match (before, after, verdict.alarm) {
            (_, None, _) => Outcome::Undetermined,
            // The rule does not explain the verdict. A verdict whose value does not move across the limit cannot
            // change.
            (before, after, alarm) if before != Some(alarm) => {
                if before == after {
                    Outcome::Same
                } else {
                    Outcome::Undetermined
                }
            }
            (_, Some(true), false) => Outcome::Raised,
            (_, Some(false), true) => beside(limits, question.limit, known, values),
            _ => Outcome::Same,
        };
    }
    let Some((value, range)) = values.get(limit.metric).zip(known.get(question.limit).copied()) else {
        return Outcome::Same;
    };
    if verdict.alarm {
        // Another metric decided, and still does. If it is not known which metric decided, it may have been this one.
        let after = limit.is_beyond(value, question.threshold);
        let (any, all) = (limit.is_beyond_any(value, range), limit.is_beyond_all(value, range));
        let may_change = decides.is_none() && !(any == all && any == after && after.is_some());
        return if may_change { Outcome::Undetermined } else { Outcome::Same };
    }
    let is_moved =
        question.from.is_none_or(|from| [range.0, range.1].iter().all(|one| one.to_bits() == from.to_bits()));
    match limit.is_beyond(value, question.threshold) {
        Some(false) => Outcome::Same,
        // The value was beyond the present limit too, and raised no alarm.
        _ if limit.is_beyond_all(value, range) == Some(true) => Outcome::Same,
        Some(true) if is_moved && limit.is_beyond_any(value, range) == Some(false) => Outcome::RaisedBeside,
        _ if question.from.is_some_and(|from| from < range.0 || from > range.1) => Outcome::Same,
        _ => Outcome::Undetermined,
    }
}

/// Returns what becomes of an alarm whose own metric is no longer beyond its limit.
fn beside(limits: &Limits, moved: usize, known: &Known, values: Values<'_>) -> Outcome {
    let mut outcome = Outcome::Cleared;
    let others = limits.list.iter().zip(known).enumerate().filter(|(place, _)| *place != moved);
    for (place, (limit, range)) in others {
        let Some(value) = values.get(limit.metric) else { continue };
        if limit.is_beyond_all(value, *range) == Some(true) {
            return Outcome::Held(place);
        }
        if limit.is_beyond_any(value, *range) != Some(false) {
            outcome = Outcome::Undetermined;
        }
    }
    outcome
}

/// Returns true if a normal verdict has a value beyond this limit: the plugin considered more than the limit.
pub(super) fn is_quiet(
    limits: &Limits,
    place: usize,
    limit: &Limit,
    known: &Known,
    verdict: &Verdict,
    values: Values<'_>,
) -> bool {
    if verdict.alarm {
        return false;
    }
    if let Some(decided) = verdict.decided
        && limits.find(decided.metric, decided.threshold) == Some(place)
    {
        return limit.is_beyond(decided.value, decided.threshold) == Some(true);
    }
    let value = values.get(limit.metric).zip(known.get(place));
    value.is_some_and(|(value, range)| limit.is_beyond_all(value, *range) == Some(true))
}
