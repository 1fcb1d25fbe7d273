//! The checks of one camera that were captured on one UTC day: their times, the results of each diagnosis, and all
//! measured values, in columns.

use std::collections::HashSet;

use uuid::Uuid;

use super::report::Measured;

/// The maximum number of checks in a chunk: one every 4.3 seconds.
pub(super) const MAX_CHECKS: usize = 20_000;
/// The maximum number of columns of values in a chunk.
pub(super) const MAX_COLUMNS: usize = 1 << 16;
/// The maximum number of values in a chunk, including the words of diagnoses.
pub(super) const MAX_VALUES: usize = 4 << 20;
/// The maximum size of a chunk before it is compressed, in bytes.
pub(super) const MAX_BODY: usize = 24 << 20;

/// The checks of a camera and a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Chunk {
    /// The checks, in the order of their times and jobs.
    pub(crate) checks: Vec<Check>,
    /// The words for the results of diagnoses: statuses, and kinds of failures.
    pub(crate) words: Vec<String>,
    /// The diagnoses, sorted by their ids.
    pub(crate) diagnoses: Vec<Diagnosis>,
}

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Check {
    /// When the clip was captured, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The job, which has one report at most.
    pub(crate) job: Uuid,
}

/// The results and measured values of one diagnosis.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Diagnosis {
    pub(crate) id: String,
    /// The results, in the order of the checks. Checks without a finding of the diagnosis are left out.
    pub(crate) said: Vec<Said>,
    /// The metrics, sorted by name and unit.
    pub(crate) metrics: Vec<Metric>,
}

/// The result of one diagnosis in one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    /// The index of the check in [`Chunk::checks`].
    pub(crate) check: u32,
    /// The index of the word in [`Chunk::words`].
    pub(crate) word: u32,
    /// True if another finding of the clip explains this one.
    pub(crate) explained: bool,
}

/// The values of one metric. Each value has the index of its check. The values are in the order of the checks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) values: Vec<(u32, f64)>,
    /// The thresholds of the checks in which the metric decided the verdict.
    pub(crate) thresholds: Vec<(u32, f64)>,
}

/// The outcome of adding checks to a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Added {
    /// The number of new checks.
    pub(crate) new: usize,
    /// The number of checks that did not fit.
    pub(crate) left_out: usize,
}

impl Chunk {
    /// Adds checks. A check that is in the chunk already is not added again. A check that does not fit is left out.
    pub(crate) fn add(&mut self, checks: Vec<Measured>) -> Added {
        let mut known: HashSet<Uuid> = self.checks.iter().map(|check| check.job).collect();
        let mut added = Added::default();
        for check in checks {
            if !known.insert(check.job) {
                continue;
            }
            if Size::of(self).with(&check).fits() {
                self.push(check);
                added.new += 1;
            } else {
                added.left_out += 1;
            }
        }
        if !self.checks.is_sorted() {
            self.sort();
        }
        added
    }

    fn push(&mut self, check: Measured) {
        let place = u32::try_from(self.checks.len()).unwrap_or(u32::MAX);
        self.checks.push(Check { at: check.at, job: check.job });
        for finding in check.findings {
            let word = place_of(&mut self.words, finding.word);
            let found = self.diagnoses.binary_search_by(|one| one.id.as_str().cmp(&finding.diagnosis));
            let at = found.unwrap_or_else(|at| {
                self.diagnoses.insert(at, Diagnosis { id: finding.diagnosis, ..Diagnosis::default() });
                at
            });
            let Some(diagnosis) = self.diagnoses.get_mut(at) else { continue };
            // A report should have one finding for each diagnosis. If it has more, the first one counts.
            if diagnosis.said.last().is_some_and(|said| said.check == place) {
                continue;
            }
            diagnosis.said.push(Said { check: place, word, explained: finding.explained });
            for metric in finding.metrics {
                let column = diagnosis.column(metric.name, metric.unit);
                column.values.push((place, metric.value));
                column.thresholds.extend(metric.threshold.map(|threshold| (place, threshold)));
            }
        }
    }

    /// Sorts the checks, and the values of all columns with them.
    fn sort(&mut self) {
        let mut order: Vec<(Check, u32)> = self.checks.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut moved = vec![0_u32; order.len()];
        for ((_, from), to) in order.iter().zip(0..) {
            if let Some(place) = moved.get_mut(*from as usize) {
                *place = to;
            }
        }
        let to = |place: u32| moved.get(place as usize).copied().unwrap_or(place);
        self.checks = order.into_iter().map(|(check, _)| check).collect();
        for diagnosis in &mut self.diagnoses {
            diagnosis.said.iter_mut().for_each(|said| said.check = to(said.check));
            diagnosis.said.sort_unstable();
            for metric in &mut diagnosis.metrics {
                for column in [&mut metric.values, &mut metric.thresholds] {
                    column.iter_mut().for_each(|(place, _)| *place = to(*place));
                    column.sort_unstable_by_key(|(place, _)| *place);
                }
            }
        }
    }
}

impl Diagnosis {
    fn column(&mut self, name: String, unit: String) -> &mut Metric {
        let found = self.metrics.binary_search_by(|one| {
            (one.name.as_str(), one.unit.as_str()).cmp(&(name.as_str(), unit.as_str()))
        });
        let at = match found {
            Ok(at) => at,
            Err(at) => {
                self.metrics.insert(at, Metric { name, unit, ..Metric::default() });
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the search or the insertion above has made this place")]
        &mut self.metrics[at]
    }
}

/// Returns the index of a word. Adds the word if it is new. There are few words, so a linear search is fast.
fn place_of(words: &mut Vec<String>, word: String) -> u32 {
    let place = words.iter().position(|one| *one == word).unwrap_or_else(|| {
        words.push(word);
        words.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The bytes of a check: its time and its job.
const CHECK_BYTES: usize = 30;
/// The bytes of a value. A value has at most 28 bits.
const VALUE_BYTES: usize = 4;
/// The bytes of a threshold and of the number of successive values for which it is valid.
const THRESHOLD_BYTES: usize = 12;
/// The bytes of a column beside its values: lengths of texts, the lowest value, the width.
const COLUMN_BYTES: usize = 40;

/// The size of a chunk. The number of bytes is an upper limit, so a chunk whose checks fit can be written and read
/// again.
#[derive(Default)]
struct Size {
    checks: usize,
    columns: usize,
    values: usize,
    /// The bytes of texts and values.
    bytes: usize,
}

impl Size {
    fn of(chunk: &Chunk) -> Self {
        let mut size = Self { checks: chunk.checks.len(), ..Self::default() };
        chunk.words.iter().for_each(|word| size.text(word));
        for diagnosis in &chunk.diagnoses {
            size.column(&diagnosis.id, "", diagnosis.said.len(), 0);
            for metric in &diagnosis.metrics {
                size.column(&metric.name, &metric.unit, metric.values.len(), metric.thresholds.len());
            }
        }
        size
    }

    /// Adds a check as if all its columns and words were new.
    fn with(mut self, check: &Measured) -> Self {
        self.checks += 1;
        for finding in &check.findings {
            self.text(&finding.word);
            self.column(&finding.diagnosis, "", 1, 0);
            for metric in &finding.metrics {
                self.column(&metric.name, &metric.unit, 1, usize::from(metric.threshold.is_some()));
            }
        }
        self
    }

    fn text(&mut self, text: &str) {
        self.bytes += text.len() + COLUMN_BYTES;
    }

    fn column(&mut self, name: &str, unit: &str, values: usize, thresholds: usize) {
        self.columns += 1;
        self.values += values + thresholds;
        self.bytes +=
            name.len() + unit.len() + COLUMN_BYTES + values * VALUE_BYTES + thresholds * THRESHOLD_BYTES;
    }

    fn fits(&self) -> bool {
        let bitmaps = 2 * self.columns * self.checks.div_ceil(8);
        self.checks <= MAX_CHECKS
            && self.columns <= MAX_COLUMNS
            && self.values <= MAX_VALUES
            && self.bytes + self.checks * CHECK_BYTES + bitmaps <= MAX_BODY
    }
}
