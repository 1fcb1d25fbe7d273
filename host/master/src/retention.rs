//! How long history is kept, and the removing of it in steps that keep nobody waiting.

use std::time::Duration;

use easysight_store::{Store, StoreError, UpkeepRepository};
use tokio::time::Instant;

/// How often findings are counted: with millions of them it takes seconds.
const COUNT_EVERY: Duration = Duration::from_secs(600);

/// What is kept.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// Findings and ended runs older than this are removed.
    max_age_ms: i64,
    /// Of the findings, so many are kept.
    max_findings: u64,
    counted_at: Option<Instant>,
    /// Findings beyond that, as of the last count.
    excess: u64,
    goes_on: bool,
}

impl Retention {
    pub(crate) const fn new(max_age_ms: i64, max_findings: u64) -> Self {
        Self { max_age_ms, max_findings, counted_at: None, excess: 0, goes_on: false }
    }

    /// True where the last step left something to remove.
    pub(crate) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Removes a little.
    pub(crate) async fn step(&mut self, store: &Store, now: i64) -> Result<(), StoreError> {
        let too_old = store.prune(self.max_age_ms, now).await?;
        if self.counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            self.excess = store.count_findings().await?.saturating_sub(self.max_findings);
            self.counted_at = Some(Instant::now());
        }
        if self.excess > 0 {
            let removed = store.prune_oldest(self.excess).await?;
            self.excess = if removed == 0 { 0 } else { self.excess.saturating_sub(removed) };
        }
        self.goes_on = too_old > 0 || self.excess > 0;
        Ok(())
    }
}
