//! Folds reports into measurements in small steps, so that other statements do not have to wait.

use std::time::Duration;

use easysight_store::Store;
use tokio::time::Instant;

/// The longest time for which old history is kept because it is not folded yet. After that, it is removed, so that the
/// disk does not become full.
const HOLD: Duration = Duration::from_secs(86_400);

/// The pause after all due reports are folded. Reports become due every few hours.
const PAUSE: Duration = Duration::from_secs(60);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(30);

/// The state of folding.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    /// When folding fell behind. None if everything that is due is folded.
    behind_since: Option<Instant>,
    /// The time of the next step.
    next_at: Option<Instant>,
    /// True if the last step failed.
    failed: bool,
}

impl Folding {
    /// Returns true if there are more reports to fold now.
    pub(crate) fn goes_on(&self, now: Instant) -> bool {
        self.behind_since.is_some() && self.is_due(now)
    }

    /// Returns true if old history must stay, because its measurements may not be folded yet.
    pub(crate) fn holds_history(&self, now: Instant) -> bool {
        self.behind_since.is_some_and(|since| now.duration_since(since) < HOLD)
    }

    /// Folds a small part of the reports that are due. A failure is logged, and old history stays for a while. All
    /// other work of the master continues.
    pub(crate) async fn step(&mut self, store: &Store, now: i64) {
        if !self.is_due(Instant::now()) {
            return;
        }
        match store.fold(now).await {
            Ok(folded) => {
                if folded.checks > 0 {
                    tracing::debug!(
                        checks = folded.checks,
                        left_out = folded.left_out,
                        "reports were folded"
                    );
                }
                self.note(folded.goes_on, Instant::now());
            }
            Err(error) => {
                if !self.failed {
                    tracing::error!(%error, "the measurements of reports cannot be kept; retrying");
                }
                self.note_failure(Instant::now());
            }
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.next_at.is_none_or(|at| now >= at)
    }

    fn note(&mut self, goes_on: bool, now: Instant) {
        self.behind_since = goes_on.then(|| self.behind_since.unwrap_or(now));
        self.next_at = (!goes_on).then(|| now + PAUSE);
        self.failed = false;
    }

    fn note_failure(&mut self, now: Instant) {
        self.behind_since = Some(self.behind_since.unwrap_or(now));
        self.next_at = Some(now + RETRY);
        self.failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_stays_until_it_is_folded_but_not_forever() {
        let (mut folding, now) = (Folding::default(), Instant::now());
        assert!(!folding.holds_history(now) && !folding.goes_on(now));
        folding.note(true, now);
        folding.note(true, now + HOLD / 2);
        assert!(folding.holds_history(now + HOLD - Duration::from_secs(1)));
        assert!(!folding.holds_history(now + HOLD) && folding.goes_on(now + HOLD));
        folding.note(false, now);
        assert!(!folding.holds_history(now) && !folding.goes_on(now));
    }

    #[test]
    fn history_stays_if_folding_fails_and_the_next_step_comes_later() {
        let (mut folding, now) = (Folding::default(), Instant::now());
        folding.note_failure(now);
        assert!(folding.holds_history(now));
        assert!(!folding.goes_on(now) && folding.goes_on(now + RETRY));
        folding.note_failure(now + HOLD / 2);
        assert!(!folding.holds_history(now + HOLD), "not forever");
        folding.note(false, now);
        assert!(!folding.holds_history(now));
        assert!(!folding.is_due(now) && folding.is_due(now + PAUSE));
    }
}
