//! Divides time into buckets of equal width, and keeps a limited number of entries by name.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::{StoreError, query::time};

use super::Span;

/// Buckets of equal width. Bucket 0 starts at `since`, and each further bucket where the one before it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets {
    since: i64,
    /// The width in milliseconds.
    pub(super) width: i64,
}

/// The values of all buckets that have one, by the number of the bucket.
pub(super) type Filled<T> = BTreeMap<i64, T>;

impl Buckets {
    pub(super) fn of(span: Span) -> Self {
        let points = i64::from(span.points.max(1));
        let length = span.until.saturating_sub(span.since).max(1);
        let width = length / points + i64::from(length % points != 0);
        Self { since: span.since, width }
    }

    /// Returns the number of the bucket that contains a time.
    pub(super) const fn number(self, at: i64) -> i64 {
        at.saturating_sub(self.since).div_euclid(self.width)
    }

    pub(super) fn start(self, number: i64) -> Result<DateTime<Utc>, StoreError> {
        time(self.since.saturating_add(number.saturating_mul(self.width)))
    }
}

/// Entries by name. If there are too many, the last ones in the order of their names are dropped.
#[derive(Debug)]
pub(super) struct First<K, V> {
    most: usize,
    kept: BTreeMap<K, V>,
    names: BTreeSet<K>,
}

impl<K: Ord + Clone, V: Default> First<K, V> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, kept: BTreeMap::new(), names: BTreeSet::new() }
    }

    /// Returns the entry with this name, and creates it if it is new. Returns None if enough entries sort before it. A
    /// dropped entry never returns, because the number of names before it only grows.
    pub(super) fn get(&mut self, name: &K) -> Option<&mut V> {
        if self.names.insert(name.clone()) {
            self.kept.insert(name.clone(), V::default());
            if self.kept.len() > self.most {
                self.kept.pop_last();
            }
        }
        self.kept.get_mut(name)
    }

    /// Returns the entries that were kept, and the number of dropped ones.
    pub(super) fn done(self) -> (BTreeMap<K, V>, usize) {
        let omitted = self.names.len() - self.kept.len();
        (self.kept, omitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_a_span_is_in_one_of_its_buckets() {
        for (since, until, points) in [(0, 10, 3), (-7, 5, 10), (5, 6, 2_000), (0, 86_400_000, 500)] {
            let buckets = Buckets::of(Span { since, until, points });
            assert!(buckets.width >= 1);
            for at in [since, since + (until - since) / 2, until - 1] {
                let number = buckets.number(at);
                assert!((0..i64::from(points)).contains(&number), "{at} of {since} to {until}");
                assert!(buckets.start(number).unwrap().timestamp_millis() <= at);
                assert!(buckets.start(number + 1).unwrap().timestamp_millis() > at);
            }
        }
        // The longest possible time does not overflow.
        let all = Buckets::of(Span { since: i64::MIN, until: i64::MAX, points: 10 });
        assert!(all.number(0) < 10);
    }

    #[test]
    fn the_first_names_are_kept_in_whatever_order_they_come() {
        let mut first: First<u32, u32> = First::new(2);
        for name in [9, 5, 7, 5, 1, 9, 7, 1] {
            if let Some(count) = first.get(&name) {
                *count += 1;
            }
        }
        let (kept, omitted) = first.done();
        assert_eq!((kept, omitted), ([(1, 2), (5, 2)].into(), 2));
    }
}
