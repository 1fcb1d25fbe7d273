//! The results of a camera's diagnoses over time.

use std::collections::BTreeMap;

use easysight_protocol::{Failure, JobId, TimelineCell, TimelineRow, rank_of};

use crate::{
    StoreError,
    measurements::{Check, Chunk, Said},
    query::time,
};

use super::{
    Trend,
    buckets::{Buckets, Filled},
};

/// The rank of an inconclusive finding: there is no verdict, although nothing failed.
const CANNOT_TELL: u8 = 1;

/// The cells of all diagnoses.
pub(super) struct Timeline {
    buckets: Buckets,
    checks: Filled<Cell>,
    diagnoses: BTreeMap<String, Filled<Cell>>,
}

/// The checks of one bucket.
struct Cell {
    count: u64,
    first_at: i64,
    last_at: i64,
    /// The worst finding: its rank, true if no other finding explains it, and its check. The greatest tuple counts.
    worst: (u8, bool, Check),
    word: String,
}

impl Timeline {
    pub(super) const fn new(buckets: Buckets) -> Self {
        Self { buckets, checks: BTreeMap::new(), diagnoses: BTreeMap::new() }
    }

    /// Returns the cells of all checks, and those of each diagnosis.
    pub(super) fn done(self) -> Result<(Vec<TimelineCell>, Vec<TimelineRow>), StoreError> {
        let Self { buckets, checks, diagnoses } = self;
        let shown = |filled: Filled<Cell>| {
            let cells = filled.into_iter().map(|(number, cell)| cell.shown(buckets, number));
            cells.collect::<Result<Vec<_>, StoreError>>()
        };
        let rows = diagnoses
            .into_iter()
            .map(|(diagnosis, filled)| Ok(TimelineRow { diagnosis, cells: shown(filled)? }))
            .collect::<Result<_, StoreError>>()?;
        Ok((shown(checks)?, rows))
    }
}

impl Trend for Timeline {
    fn take(&mut self, chunk: &Chunk, wanted: impl Fn(&Check) -> bool) {
        let ranks: Vec<u8> = chunk.words.iter().map(|word| rank_of(word)).collect();
        let told = |said: &Said| {
            let word = chunk.words.get(said.word as usize)?;
            Some((*ranks.get(said.word as usize)?, word.as_str()))
        };
        // The worst finding of each check that no other finding explains.
        let mut roots: Vec<Option<(u8, &str)>> = vec![None; chunk.checks.len()];
        for diagnosis in &chunk.diagnoses {
            let mut row = self.diagnoses.remove(&diagnosis.id).unwrap_or_default();
            for said in &diagnosis.said {
                let Some(check) = chunk.checks.get(said.check as usize).filter(|check| wanted(check)) else {
                    continue;
                };
                let Some((rank, word)) = told(said) else { continue };
                Cell::add(&mut row, self.buckets, (rank, !said.explained, *check), word);
                // An inconclusive diagnosis does not make a check worse than a normal one.
                if let Some(root) = roots.get_mut(said.check as usize)
                    && !said.explained
                    && rank != CANNOT_TELL
                    && root.is_none_or(|(worst, _)| rank > worst)
                {
                    *root = Some((rank, word));
                }
            }
            if !row.is_empty() {
                self.diagnoses.insert(diagnosis.id.clone(), row);
            }
        }
        for (check, root) in chunk.checks.iter().zip(roots).filter(|(check, _)| wanted(check)) {
            let (rank, word) = root.unwrap_or((CANNOT_TELL, Failure::INCONCLUSIVE));
            Cell::add(&mut self.checks, self.buckets, (rank, true, *check), word);
        }
    }
}

impl Cell {
    fn add(row: &mut Filled<Self>, buckets: Buckets, worst: (u8, bool, Check), word: &str) {
        let at = worst.2.at;
        let cell = row.entry(buckets.number(at)).or_insert_with(|| Self {
            count: 0,
            first_at: at,
            last_at: at,
            worst,
            word: word.to_owned(),
        });
        cell.count += 1;
        cell.first_at = cell.first_at.min(at);
        cell.last_at = cell.last_at.max(at);
        if worst > cell.worst {
            cell.worst = worst;
            word.clone_into(&mut cell.word);
        }
    }

    fn shown(self, buckets: Buckets, number: i64) -> Result<TimelineCell, StoreError> {
        let Self { count, first_at, last_at, worst: (_, is_root, check), word } = self;
        Ok(TimelineCell {
            start: buckets.start(number)?,
            worst: word,
            is_consequence: !is_root,
            count,
            first_at: time(first_at)?,
            last_at: time(last_at)?,
            job_id: JobId(check.job),
        })
    }
}
