//! The verdicts of one diagnosis in a chunk, as rows: who alarms, which metric decided, and what all metrics measured.

use std::collections::HashMap;

use easysight_protocol::Status;

use crate::measurements::{Check, Chunk, Diagnosis};

/// The maximum number of metrics of a diagnosis. Further metrics are not read.
const MAX_METRICS: usize = 512;

/// The names and units of metrics, by number. A number stays the same for a whole replay.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    list: Vec<(String, String)>,
    numbers: HashMap<(String, String), u16>,
}

impl Names {
    pub(super) fn get(&self, number: u16) -> (&str, &str) {
        self.list.get(usize::from(number)).map_or(("", ""), |(name, unit)| (name, unit))
    }

    /// Returns the number of a metric, or None if there are too many.
    pub(super) fn number(&mut self, name: &str, unit: &str) -> Option<u16> {
        let key = (name.to_owned(), unit.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        if self.list.len() >= MAX_METRICS {
            return None;
        }
        let number = u16::try_from(self.list.len()).ok()?;
        self.list.push(key.clone());
        self.numbers.insert(key, number);
        Some(number)
    }
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) check: Check,
    /// True for a warning, an error or worse.
    pub(super) alarm: bool,
    pub(super) decided: Option<Decided>,
}

/// What decided a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decided {
    pub(super) metric: u16,
    pub(super) value: f64,
    pub(super) threshold: f64,
}

/// The verdicts of a chunk.
#[derive(Debug, Default)]
pub(super) struct Part {
    verdicts: Vec<Verdict>,
    /// The metrics that have a column.
    metrics: Vec<u16>,
    /// The values, row by row. NaN stands for what was not measured.
    values: Vec<f64>,
    /// The number of checks in which the diagnosis gave no verdict.
    pub(super) without_verdict: u64,
}

impl Part {
    /// Reads the checks of a chunk that `wanted` accepts.
    pub(super) fn of(
        chunk: &Chunk,
        diagnosis: &str,
        names: &mut Names,
        wanted: impl Fn(&Check) -> bool,
    ) -> Self {
        let mut part = Self::default();
        let found = chunk.diagnoses.binary_search_by(|one| one.id.as_str().cmp(diagnosis));
        let Some(diagnosis) = found.ok().and_then(|at| chunk.diagnoses.get(at)) else { return part };
        let alarms: Vec<Option<bool>> =
            chunk.words.iter().map(|word| Status::of_word(word).map(|one| one != Status::Normal)).collect();
        // The row of each check that has a verdict.
        let mut rows = vec![None; chunk.checks.len()];
        for said in &diagnosis.said {
            let Some(check) = chunk.checks.get(said.check as usize).filter(|check| wanted(check)) else {
                continue;
            };
            match alarms.get(said.word as usize).copied().flatten() {
                Some(alarm) => {
                    if let Some(row) = rows.get_mut(said.check as usize) {
                        *row = Some(part.verdicts.len());
                    }
                    part.verdicts.push(Verdict { check: *check, alarm, decided: None });
                }
                None => part.without_verdict += 1,
            }
        }
        if !part.verdicts.is_empty() {
            part.fill(diagnosis, names, &rows);
        }
        part
    }

    fn fill(&mut self, diagnosis: &Diagnosis, names: &mut Names, rows: &[Option<usize>]) {
        let columns =
            diagnosis.metrics.iter().filter_map(|one| Some((names.number(&one.name, &one.unit)?, one)));
        let columns: Vec<_> = columns.collect();
        let width = columns.len();
        self.metrics = columns.iter().map(|(number, _)| *number).collect();
        self.values = vec![f64::NAN; width * self.verdicts.len()];
        let row_of = |place: u32| rows.get(place as usize).copied().flatten();
        for (column, (number, metric)) in columns.into_iter().enumerate() {
            for (place, value) in &metric.values {
                if let Some(cell) = row_of(*place).and_then(|row| self.values.get_mut(row * width + column)) {
                    *cell = *value;
                }
            }
            for (place, threshold) in &metric.thresholds {
                let Some(row) = row_of(*place) else { continue };
                let value = self.values.get(row * width + column).copied().filter(|value| value.is_finite());
                if let (Some(verdict), Some(value)) = (self.verdicts.get_mut(row), value) {
                    verdict.decided = Some(Decided { metric: number, value, threshold: *threshold });
                }
            }
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&Verdict, Values<'_>)> {
        let width = self.metrics.len();
        self.verdicts.iter().enumerate().map(move |(row, verdict)| {
            let values = self.values.get(row * width..(row + 1) * width).unwrap_or_default();
            (verdict, Values { metrics: &self.metrics, values })
        })
    }
}

/// The values of one check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    metrics: &'a [u16],
    values: &'a [f64],
}

impl Values<'_> {
    /// Returns the value of a metric, or None if it was not measured.
    pub(super) fn get(&self, metric: u16) -> Option<f64> {
        let at = self.metrics.iter().position(|one| *one == metric)?;
        self.values.get(at).copied().filter(|value| value.is_finite())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u16, f64)> {
        self.metrics.iter().copied().zip(self.values.iter().copied()).filter(|(_, value)| value.is_finite())
    }
}
