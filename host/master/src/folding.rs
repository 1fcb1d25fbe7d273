//! Folds reports into measurements in small steps, so that other statements do not have to wait.

use std::time::Duration;

use easysight_store::{Store, StoreError};
use tokio::time::Instant;

/// The time for which old history is kept because it is not folded yet. After a day, the disk matters more.
const HOLD: Duration = Duration::from_secs(86_400);

/// The state of folding.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    /// When folding fell behind. None if everything that is due is folded.
    behind_since: Option<Instant>,
}

impl Folding {
    /// Returns true if the last step left more to fold.
    pub(crate) const fn goes_on(&self) -> bool {
        self.behind_since.is_some()
    }

    /// Returns true if old history must stay, because its measurements may not be folded yet.
    pub(crate) fn holds_history(&self, now: Instant) -> bool {
        self.behind_since.is_some_and(|since| now.duration_since(since) < HOLD)
    }

    /// Folds a small part of the reports that are due.
    pub(crate) async fn step(&mut self, store: &Store, now: i64) -> Result<(), StoreError> {
        let folded = store.fold(now).await?;
        self.note(folded.goes_on, Instant::now());
        if folded.checks > 0 {
            tracing::debug!(checks = folded.checks, left_out = folded.left_out, "reports were folded");
        }
        Ok(())
    }

    fn note(&mut self, goes_on: bool, now: Instant) {
        self.behind_since = goes_on.then(|| self.behind_since.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_stays_until_it_is_folded_but_not_forever() {
        let (mut folding, now) = (Folding::default(), Instant::now());
        assert!(!folding.holds_history(now) && !folding.goes_on());
        folding.note(true, now);
        folding.note(true, now + HOLD / 2);
        assert!(folding.holds_history(now + HOLD - Duration::from_secs(1)));
        assert!(!folding.holds_history(now + HOLD) && folding.goes_on());
        folding.note(false, now);
        assert!(!folding.holds_history(now) && !folding.goes_on());
    }
}
