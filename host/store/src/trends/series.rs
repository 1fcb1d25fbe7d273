//! The metrics of one diagnosis over time.

use std::{
    cmp::Ordering,
    collections::{HashMap, btree_map::Entry},
    sync::Arc,
};

use easysight_protocol::{JobId, MetricSeries, SeriesBucket, SeriesPoint};

use crate::{
    StoreError,
    measurements::{Check, Chunk},
    query::time,
};

use super::{
    MAX_SERIES, Trend,
    buckets::{Buckets, Filled, First},
};

/// The series of some metrics.
pub(super) struct Series {
    diagnosis: String,
    /// The requested metrics. If empty, the first ones in the order of their names.
    metrics: Vec<String>,
    buckets: Buckets,
    /// The buckets of each metric by its name and unit.
    kept: First<(String, String), Filled<Values>>,
}

/// The values of a metric in one bucket.
struct Values {
    count: u64,
    min: Point,
    max: Point,
    last: Point,
    threshold: Option<(Check, f64)>,
}

/// One value.
#[derive(Clone)]
struct Point {
    check: Check,
    value: f64,
    /// The status of the finding, or the kind of its failure.
    word: Arc<str>,
}

impl Series {
    pub(super) fn new(diagnosis: &str, metrics: &[String], buckets: Buckets) -> Self {
        Self {
            diagnosis: diagnosis.to_owned(),
            metrics: metrics.to_vec(),
            buckets,
            kept: First::new(MAX_SERIES),
        }
    }

    /// Returns the series, and the number of series that were left out.
    pub(super) fn done(self) -> Result<(Vec<MetricSeries>, usize), StoreError> {
        let Self { buckets, kept, .. } = self;
        let (kept, omitted) = kept.done();
        let mut series = Vec::with_capacity(kept.len());
        for ((metric, unit), filled) in kept {
            let count = filled.values().map(|values| values.count).sum();
            let filled = filled.into_iter().map(|(number, values)| values.shown(buckets, number));
            let buckets = filled.collect::<Result<_, StoreError>>()?;
            series.push(MetricSeries { metric, unit, count, buckets });
        }
        Ok((series, omitted))
    }
}

impl Trend for Series {
    fn take(&mut self, chunk: &Chunk, wanted: impl Fn(&Check) -> bool) {
        let Ok(at) = chunk.diagnoses.binary_search_by(|one| one.id.as_str().cmp(&self.diagnosis)) else {
            return;
        };
        let Some(diagnosis) = chunk.diagnoses.get(at) else { return };
        let words: Vec<Arc<str>> = chunk.words.iter().map(|word| Arc::from(word.as_str())).collect();
        let said: HashMap<u32, &Arc<str>> = diagnosis
            .said
            .iter()
            .filter_map(|said| Some((said.check, words.get(said.word as usize)?)))
            .collect();
        for metric in &diagnosis.metrics {
            if !self.metrics.is_empty() && !self.metrics.contains(&metric.name) {
                continue;
            }
            let name = (metric.name.clone(), metric.unit.clone());
            let mut thresholds = metric.thresholds.iter().peekable();
            for (place, value) in &metric.values {
                let Some(check) = chunk.checks.get(*place as usize).filter(|check| wanted(check)) else {
                    continue;
                };
                while thresholds.next_if(|(at, _)| at < place).is_some() {}
                let threshold = thresholds.next_if(|(at, _)| at == place).map(|(_, threshold)| *threshold);
                let Some(word) = said.get(place) else { continue };
                let point = Point { check: *check, value: *value, word: Arc::clone(word) };
                let Some(filled) = self.kept.get(&name) else { break };
                match filled.entry(self.buckets.number(check.at)) {
                    Entry::Occupied(mut values) => values.get_mut().add(point, threshold),
                    Entry::Vacant(empty) => {
                        empty.insert(Values::of(point, threshold));
                    }
                }
            }
        }
    }
}

impl Values {
    fn of(point: Point, threshold: Option<f64>) -> Self {
        let threshold = threshold.map(|threshold| (point.check, threshold));
        Self { count: 1, min: point.clone(), max: point.clone(), last: point, threshold }
    }

    fn add(&mut self, point: Point, threshold: Option<f64>) {
        self.count += 1;
        if let Some(threshold) = threshold
            && self.threshold.is_none_or(|(at, _)| point.check > at)
        {
            self.threshold = Some((point.check, threshold));
        }
        // If two values are equal, the later one is shown.
        let replaces = |other: &Point, order: Ordering| match point.value.total_cmp(&other.value) {
            Ordering::Equal => point.check > other.check,
            found => found == order,
        };
        if replaces(&self.min, Ordering::Less) {
            self.min = point.clone();
        }
        if replaces(&self.max, Ordering::Greater) {
            self.max = point.clone();
        }
        if point.check > self.last.check {
            self.last = point;
        }
    }

    fn shown(self, buckets: Buckets, number: i64) -> Result<SeriesBucket, StoreError> {
        let Self { count, min, max, last, threshold } = self;
        let other = |one: Point| (one.check != last.check).then(|| one.shown()).transpose();
        Ok(SeriesBucket {
            start: buckets.start(number)?,
            count,
            min: other(min)?,
            max: other(max)?,
            threshold: threshold.map(|(_, threshold)| threshold),
            last: last.shown()?,
        })
    }
}

impl Point {
    fn shown(&self) -> Result<SeriesPoint, StoreError> {
        let Self { check, value, word } = self;
        Ok(SeriesPoint {
            at: time(check.at)?,
            value: *value,
            word: word.to_string(),
            job_id: JobId(check.job),
        })
    }
}
