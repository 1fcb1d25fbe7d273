//! The ready jobs that this master knows. Leases take their jobs from here. A query of the database (a "look") reads
//! many jobs at a time and continues where the last query ended. So a lease needs only one statement by ids. Old row
//! versions that the database cannot remove yet are skipped once, by the query, and not at every lease.
//!
//! The jobs here are only hints: the statement that leases a job checks that the job is still ready.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use easysight_protocol::{JobId, Labels};
use parking_lot::Mutex;

/// The maximum number of jobs that one query returns.
pub(crate) const LOOK: usize = 2_000;
/// The maximum number of jobs in memory of one set. A set is all jobs that require the same labels. Further jobs stay
/// in the database until there is room.
const KEEP: usize = 20_000;
/// The time for which the result of a query is valid if no event makes it doubtful, in milliseconds.
const FRESH_MS: i64 = 250;
/// The time for which the list of sets is valid.
const SETS_FRESH: Duration = Duration::from_secs(5);
/// A query from the beginning that takes longer than [`CHEAP`] is repeated only after this many times its duration.
const DUTY: u32 = 20;
/// A query from the beginning that takes at most this long may be repeated at any time.
const CHEAP: Duration = Duration::from_millis(5);

/// The order of jobs: most urgent first, then oldest first.
pub(crate) type Key = (Reverse<i64>, JobId);

/// The ready jobs, in sets. The jobs of one set require the same labels.
#[derive(Default)]
pub(crate) struct Ready(Mutex<Sets>);

#[derive(Default)]
struct Sets {
    /// The sets, by the labels that their jobs require, one `key=value` on each line.
    of: BTreeMap<String, Set>,
    listed_at: Option<Instant>,
}

#[derive(Default)]
struct Set {
    jobs: BTreeSet<Key>,
    /// The last job that was read from the database.
    cursor: Option<Key>,
    /// True if the database may have more jobs after the cursor.
    more: bool,
    /// When the database was last queried: the time that the caller passed in.
    looked_at: Option<i64>,
    /// True if an event may have made jobs ready anywhere in the set.
    dirty: bool,
    /// Jobs that become ready later, with their times.
    due: BTreeSet<(i64, Key)>,
    /// The earliest time of the next query from the beginning.
    whole_after: Option<Instant>,
}

/// A job that is ready now or at a later time.
#[derive(Debug, Clone)]
pub(crate) struct ReadyJob {
    pub(crate) required: String,
    pub(crate) priority: i64,
    pub(crate) id: JobId,
    pub(crate) not_before: i64,
}

/// A query of the database that must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) required: String,
    /// The job after which the query reads. If absent, the query reads from the beginning.
    pub(crate) after: Option<Key>,
}

impl Ready {
    /// Returns true if the list of sets must be read.
    pub(crate) fn wants_list(&self) -> bool {
        self.0.lock().listed_at.is_none_or(|at| at.elapsed() >= SETS_FRESH)
    }

    /// Stores the list of all sets that may have jobs.
    pub(crate) fn list(&self, required: Vec<String>) {
        let mut sets = self.0.lock();
        let listed: BTreeSet<String> = required.into_iter().collect();
        sets.of.retain(|name, set| listed.contains(name) || !set.jobs.is_empty() || !set.due.is_empty());
        for name in listed {
            sets.of.entry(name).or_default();
        }
        sets.listed_at = Some(Instant::now());
    }

    /// Adds jobs that this store queued.
    pub(crate) fn add(&self, jobs: impl IntoIterator<Item = ReadyJob>, now: i64) {
        let mut sets = self.0.lock();
        for job in jobs {
            let set = sets.of.entry(job.required).or_default();
            let key = (Reverse(job.priority), job.id);
            if job.not_before <= now {
                set.insert(key);
            } else if set.due.len() < KEEP {
                set.due.insert((job.not_before, key));
            }
        }
    }

    /// Records that there may be ready jobs that this store does not know.
    pub(crate) fn doubt(&self) {
        let mut sets = self.0.lock();
        sets.listed_at = None;
        for set in sets.of.values_mut() {
            set.dirty = true;
        }
    }

    /// Removes the known jobs that a node with these labels may lease, and makes the next query read from the
    /// beginning. The caller does this if another master had already leased most of the jobs that were taken for such
    /// a node, because the remaining known jobs are then probably outdated too.
    pub(crate) fn distrust(&self, labels: &Labels) {
        let mut sets = self.0.lock();
        for (required, set) in &mut sets.of {
            if satisfies(labels, required) {
                set.jobs.clear();
                set.dirty = true;
            }
        }
    }

    /// Removes all known jobs except those that become ready later. The next query then finds the jobs that were
    /// taken out for a failed lease.
    pub(crate) fn forget(&self) {
        let mut sets = self.0.lock();
        for set in sets.of.values_mut() {
            *set = Set { dirty: true, due: std::mem::take(&mut set.due), ..Set::default() };
        }
    }

    /// Returns the queries that are needed before `wanted` jobs are taken for nodes with any of these labels.
    pub(crate) fn looks(&self, labels: &[&Labels], wanted: usize, now: i64) -> Vec<Look> {
        let mut sets = self.0.lock();
        let here = Instant::now();
        let wanted = wanted.min(KEEP);
        let mut looks = Vec::new();
        for (required, set) in &mut sets.of {
            if labels.iter().any(|labels| satisfies(labels, required)) {
                set.ripen(now);
                let after = set.look(wanted, now, here);
                looks.extend(after.map(|after| Look { required: required.clone(), after }));
            }
        }
        looks
    }

    /// Adds the result of a query, at most [`LOOK`] jobs. `took` is the duration of the query.
    pub(crate) fn looked(&self, look: &Look, found: Vec<Key>, now: i64, took: Duration) {
        let mut sets = self.0.lock();
        let Some(set) = sets.of.get_mut(&look.required) else { return };
        set.looked_at = Some(now);
        set.more = found.len() >= LOOK;
        if look.after.is_none() {
            set.dirty = false;
            set.cursor = None;
            set.whole_after = (took > CHEAP).then(|| Instant::now() + took * DUTY);
        }
        set.cursor = found.last().copied().max(set.cursor);
        set.jobs.extend(found);
        set.trim();
    }

    /// Takes up to `count` jobs that a node with these labels may lease, most urgent first.
    pub(crate) fn take(&self, labels: &Labels, count: usize) -> Vec<JobId> {
        let mut sets = self.0.lock();
        let mut of: Vec<&mut Set> = sets
            .of
            .iter_mut()
            .filter(|(required, set)| !set.jobs.is_empty() && satisfies(labels, required))
            .map(|(_, set)| set)
            .collect();
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some(first) = of.iter_mut().min_by_key(|set| next(set)) else { break };
            let Some((_, id)) = first.jobs.pop_first() else { break };
            taken.push(id);
        }
        taken
    }

    /// Returns true if there is a ready job that a node with these labels may lease.
    pub(crate) fn has(&self, labels: &Labels, now: i64) -> bool {
        let mut sets = self.0.lock();
        sets.of.iter_mut().any(|(required, set)| {
            set.ripen(now);
            !set.jobs.is_empty() && satisfies(labels, required)
        })
    }

    /// Returns the number of ready jobs, by the labels that they require.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let sets = self.0.lock();
        let some = sets.of.iter().filter(|(_, set)| !set.jobs.is_empty());
        some.map(|(required, set)| (required.clone(), set.jobs.len())).collect()
    }
}

/// Returns the sort key of a set's next job. A set without jobs sorts last.
fn next(set: &Set) -> (bool, Option<Key>) {
    (set.jobs.is_empty(), set.jobs.first().copied())
}

impl Set {
    /// Returns the start of the query that is needed before `wanted` jobs are taken: the job after which the query
    /// reads, or the beginning (`Some(None)`). Returns None if no query is needed.
    fn look(&self, wanted: usize, now: i64, here: Instant) -> Option<Option<Key>> {
        let short = self.jobs.len() < wanted;
        let whole = self.whole_after.is_none_or(|after| after <= here);
        if self.looked_at.is_none() || (self.dirty && whole) {
            return Some(None);
        }
        if short && self.more {
            return Some(self.cursor);
        }
        let old = self.looked_at.is_none_or(|at| now < at || now - at >= FRESH_MS);
        if short && (old || self.dirty) {
            return Some(if whole { None } else { self.cursor });
        }
        None
    }

    fn insert(&mut self, key: Key) {
        // A job after the cursor is not added if the next query will return it.
        if !(self.more && self.cursor.is_some_and(|cursor| key > cursor)) {
            self.jobs.insert(key);
            self.trim();
        }
    }

    /// Moves the jobs whose time has come to the ready jobs.
    fn ripen(&mut self, now: i64) {
        while let Some((at, key)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            self.insert(key);
        }
    }

    /// Removes the least urgent jobs if there are too many. A later query reads them again.
    fn trim(&mut self) {
        while self.jobs.len() > KEEP {
            self.jobs.pop_last();
            self.more = true;
            self.cursor = self.jobs.last().copied();
        }
    }
}

/// Returns true if a node with these labels may lease jobs that require the labels in `required`.
pub(crate) fn satisfies(labels: &Labels, required: &str) -> bool {
    required.lines().all(|line| match line.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|has| has == value),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(priority: i64, id: u128) -> Key {
        (Reverse(priority), JobId(Uuid::from_u128(id)))
    }

    fn job(required: &str, priority: i64, id: u128, not_before: i64) -> ReadyJob {
        ReadyJob { required: required.into(), priority, id: JobId(Uuid::from_u128(id)), not_before }
    }

    fn ids(taken: &[JobId]) -> Vec<u128> {
        taken.iter().map(|id| id.0.as_u128()).collect()
    }

    #[test]
    fn a_node_must_have_every_label() {
        let labels: Labels = [("site".into(), "north".into()), ("gpu".into(), "no".into())].into();
        assert!(satisfies(&labels, ""));
        assert!(satisfies(&labels, "site=north"));
        assert!(satisfies(&labels, "gpu=no\nsite=north"));
        assert!(!satisfies(&labels, "site=south"));
        assert!(!satisfies(&labels, "gpu=no\nzone=a"));
    }

    #[test]
    fn the_most_urgent_of_all_sets_that_a_node_may_have_come_first() {
        let ready = Ready::default();
        let north: Labels = [("site".into(), "north".into())].into();
        ready.add(
            [job("", 0, 1, 0), job("site=north", 5, 2, 0), job("site=south", 9, 3, 0), job("", 5, 4, 0)],
            0,
        );
        assert_eq!(ids(&ready.take(&north, 2)), [2, 4]);
        assert_eq!(ids(&ready.take(&north, 5)), [1]);
        assert!(ready.take(&Labels::new(), 5).is_empty());
        assert_eq!(ready.counts(), [("site=south".to_owned(), 1)].into());
    }

    #[test]
    fn the_database_is_looked_at_where_more_may_be_found_and_not_otherwise() {
        let ready = Ready::default();
        let labels = Labels::new();
        let looks = |wanted, now| ready.looks(&[&labels], wanted, now);
        let took = Duration::from_micros(100);
        assert!(ready.wants_list());
        ready.list(vec![String::new(), "site=south".into()]);
        let whole = Look { required: String::new(), after: None };
        assert_eq!(looks(1, 0), std::slice::from_ref(&whole));
        let found: Vec<Key> = (0..LOOK as u128).map(|id| key(0, id)).collect();
        ready.looked(&whole, found, 0, took);
        assert!(looks(10, 0).is_empty());
        assert_eq!(ready.take(&labels, LOOK).len(), LOOK);
        let behind = Look { required: String::new(), after: Some(key(0, LOOK as u128 - 1)) };
        assert_eq!(looks(10, 0), std::slice::from_ref(&behind));
        // A job that is queued after the last query comes with the next query only, not twice.
        ready.add([job("", 0, 9_999, 0)], 0);
        assert!(ready.take(&labels, 1).is_empty());
        ready.looked(&behind, vec![key(0, 9_999)], 0, took);
        assert_eq!(ids(&ready.take(&labels, 5)), [9_999]);
        assert!(looks(10, 0).is_empty());
        // Another master has queued a job, so the result of the last query is outdated.
        ready.doubt();
        assert_eq!(looks(10, 41), std::slice::from_ref(&whole));
        ready.looked(&whole, Vec::new(), 41, took);
        assert_eq!(looks(10, 41 + FRESH_MS), [whole]);
    }

    #[test]
    fn a_job_whose_time_has_come_needs_no_look() {
        let ready = Ready::default();
        let labels = Labels::new();
        ready.list(vec![String::new()]);
        let whole = Look { required: String::new(), after: None };
        // This job needs no query even if queries are slow, or if all other known jobs are removed.
        ready.looked(&whole, Vec::new(), 0, Duration::from_secs(1));
        ready.add([job("", 0, 5, 40), job("", 0, 6, 41)], 0);
        ready.forget();
        ready.looked(&whole, Vec::new(), 0, Duration::from_secs(1));
        assert!(!ready.has(&labels, 39));
        assert!(ready.looks(&[&labels], 1, 40).is_empty() && ready.has(&labels, 40));
        assert_eq!(ids(&ready.take(&labels, 5)), [5]);
        assert!(ready.has(&labels, 41));
        assert_eq!(ids(&ready.take(&labels, 5)), [6]);
    }

    #[test]
    fn a_look_from_the_beginning_that_takes_long_is_taken_seldom() {
        let ready = Ready::default();
        let labels = Labels::new();
        ready.list(vec![String::new()]);
        let whole = Look { required: String::new(), after: None };
        ready.looked(&whole, vec![key(0, 7)], 0, Duration::from_secs(1));
        ready.take(&labels, 1);
        ready.doubt();
        let behind = Look { required: String::new(), after: Some(key(0, 7)) };
        assert_eq!(ready.looks(&[&labels], 1, 1), [behind]);
    }
}
