//! How long history is kept, and the removing of it in steps that keep nobody waiting.

use std::time::Duration;

use easysight_store::{Store, StoreError};
use tokio::time::Instant;

/// How often findings are counted: with millions of them it takes seconds.
const COUNT_EVERY: Duration = Duration::from_secs(600);
/// How long nothing is removed for its age once the clock jumped ahead.
const HOLD: Duration = Duration::from_secs(86_400);

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
    /// Ages are not trusted before: the clock jumped ahead, and what is young may look old.
    held_until: Option<Instant>,
}

impl Retention {
    pub(crate) const fn new(max_age_ms: i64, max_findings: u64) -> Self {
        Self { max_age_ms, max_findings, counted_at: None, excess: 0, goes_on: false, held_until: None }
    }

    /// Removes nothing for its age for a day that is measured: the clock jumped ahead, or nothing was written for
    /// so long that it may have. A person has that time to put it right.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.held_until = Some(now + HOLD);
    }

    /// True where what looks old is old.
    pub(crate) fn trusts_ages(&self, now: Instant) -> bool {
        self.held_until.is_none_or(|until| now >= until)
    }

    /// True where the last step left something to remove.
    pub(crate) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Removes a little.
    pub(crate) async fn step(&mut self, store: &Store, now: i64) -> Result<(), StoreError> {
        let too_old =
            if self.trusts_ages(Instant::now()) { store.prune(self.max_age_ms, now).await? } else { 0 };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_not_trusted_for_a_day_after_a_jump() {
        let mut retention = Retention::new(1, 1);
        let now = Instant::now();
        assert!(retention.trusts_ages(now));
        retention.hold(now);
        assert!(!retention.trusts_ages(now + HOLD - Duration::from_secs(1)));
        assert!(retention.trusts_ages(now + HOLD));
    }
}
