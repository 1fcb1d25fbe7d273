//! Removes old history in small steps, so that other statements do not have to wait.

use std::time::Duration;

use easysight_store::{Store, StoreError};
use tokio::time::Instant;

/// The time between two counts of findings. Counting takes seconds if there are millions of findings.
const COUNT_EVERY: Duration = Duration::from_secs(600);
/// The time for which the removal by age stops after the clock stepped.
const HOLD: Duration = Duration::from_secs(86_400);

/// The limits of history, and the state of its removal.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    /// Findings and ended runs older than this are removed.
    max_age_ms: i64,
    /// Entries of the audit log older than this are removed.
    max_audit_age_ms: i64,
    /// The largest number of findings that are kept.
    max_findings: u64,
    /// Measurements older than this are removed.
    max_measurements_ms: i64,
    counted_at: Option<Instant>,
    /// The time of the last check that found nothing to remove in the audit log and the measurements.
    looked_at: Option<Instant>,
    /// The number of findings beyond the limit, according to the last count.
    excess: u64,
    goes_on: bool,
    /// The removal by age stops until this time, because the clock may be ahead and young entries would look old.
    held_until: Option<Instant>,
}

impl Retention {
    pub(crate) const fn new(
        max_age_ms: i64,
        max_audit_age_ms: i64,
        max_findings: u64,
        max_measurements_ms: i64,
    ) -> Self {
        Self {
            max_age_ms,
            max_audit_age_ms,
            max_findings,
            max_measurements_ms,
            counted_at: None,
            looked_at: None,
            excess: 0,
            goes_on: false,
            held_until: None,
        }
    }

    /// Stops the removal by age for one day of measured time, in which a person can correct the clock. This is called
    /// if the clock stepped, or if nothing was written for so long that the clock may have stepped.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.held_until = Some(now + HOLD);
    }

    /// Returns true if ages can be trusted.
    pub(crate) fn trusts_ages(&self, now: Instant) -> bool {
        self.held_until.is_none_or(|until| now >= until)
    }

    /// Returns true if the last step left more to remove.
    pub(crate) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Removes a small part of the history that exceeds the limits. With `keeps_findings`, findings and runs stay.
    pub(crate) async fn step(
        &mut self,
        store: &Store,
        keeps_findings: bool,
        now: i64,
    ) -> Result<(), StoreError> {
        let trusts_ages = self.trusts_ages(Instant::now());
        let mut too_old = 0;
        // Data that grows slowly is checked rarely, so that an idle master sends few statements.
        if trusts_ages && self.looked_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            too_old += store.prune_measurements(self.max_measurements_ms, now).await?;
            too_old += store.prune_audit(self.max_audit_age_ms, now).await?;
            self.looked_at = (too_old == 0).then(Instant::now);
        }
        if keeps_findings {
            self.goes_on = too_old > 0;
            return Ok(());
        }
        if trusts_ages {
            too_old += store.prune(self.max_age_ms, now).await?;
        }
        if self.counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            self.excess = store.count_findings().await?.saturating_sub(self.max_findings);
            self.counted_at = Some(Instant::now());
        }
        if self.excess > 0 {
            let removed = store.prune_oldest(self.excess, now).await?;
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
        let mut retention = Retention::new(1, 1, 1, 1);
        let now = Instant::now();
        assert!(retention.trusts_ages(now));
        retention.hold(now);
        assert!(!retention.trusts_ages(now + HOLD - Duration::from_secs(1)));
        assert!(retention.trusts_ages(now + HOLD));
    }
}
