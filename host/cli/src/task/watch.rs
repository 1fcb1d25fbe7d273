//! Follows a run until it has ended: with a progress bar on a terminal, with a line for each change elsewhere.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use easysight_protocol::{Run, RunState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep};

use super::tables;
use crate::{
    listing::plain,
    master::{Master, MasterError},
};

/// The timing of the requests that follow a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The first pause between two readings of the run.
    first: Duration,
    /// The longest pause between two readings of the run.
    longest: Duration,
    /// The time for which the master may be unavailable.
    patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(1),
            // A master that is restarted for an update is available again within this time.
            patience: Duration::from_secs(60),
        }
    }
}

/// Shows the progress of a run.
pub(super) trait Tell {
    /// Shows the run. This method is called after each reading of the run.
    fn progress(&mut self, run: &Run);
    /// Shows that the master did not answer. The request is sent again afterwards.
    fn lost(&mut self, error: &MasterError);
}

/// Reads a run until it has ended.
pub(super) async fn ended(
    master: &Master,
    mut run: Run,
    pace: Pace,
    tell: &mut impl Tell,
) -> Result<Run, MasterError> {
    let id = run.id.to_string();
    let mut pause = pace.first;
    let mut seen = Instant::now();
    tell.progress(&run);
    while !matches!(run.state, RunState::Finished | RunState::Cancelled) {
        sleep(pause).await;
        pause = (pause + pause / 4).min(pace.longest);
        match master.get(&["diagnosis", "runs", &id]).await {
            Ok(now) => {
                run = now;
                seen = Instant::now();
                tell.progress(&run);
            }
            Err(error) if error.may_pass() && seen.elapsed() < pace.patience => tell.lost(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(run)
}

/// Shows the progress to people, on standard error.
pub(super) struct Teller {
    /// The progress bar. `None` if there is no terminal.
    bar: Option<ProgressBar>,
    /// The last line.
    said: String,
}

impl Teller {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, said: String::new() }
    }

    fn say(&mut self, words: String) {
        if words == self.said {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_message(words.clone()),
            None => eprintln!("{words}"),
        }
        self.said = words;
    }
}

/// Removes the progress bar, even if following the run fails.
impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Tell for Teller {
    fn progress(&mut self, run: &Run) {
        if let Some(bar) = &self.bar {
            bar.set_length(run.progress.total);
            bar.set_position(run.progress.finished + run.progress.dead + run.progress.cancelled);
        }
        self.say(in_words(run));
    }

    fn lost(&mut self, error: &MasterError) {
        self.say(format!("retrying: {error}"));
    }
}

/// Formats the progress of a run: `12/40 finished, 3 running, 25 queued; waiting for a node with site=north`.
fn in_words(run: &Run) -> String {
    let mut words = tables::progress(&run.progress);
    if !run.waits_for.is_empty() {
        words.push_str("; waiting for ");
        words.push_str(&plain(&run.waits_for.join(", ")).replace('\n', " "));
    }
    words
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
    use serde_json::{Value, json};

    use super::*;
    use crate::master::serve;

    const PACE: Pace = Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
        patience: Duration::from_secs(5),
    };

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Tell for Heard {
        fn progress(&mut self, run: &Run) {
            self.0.push(in_words(run));
        }

        fn lost(&mut self, _: &MasterError) {
            self.0.push("lost".to_owned());
        }
    }

    fn run(state: &str, finished: u64, waits_for: &[&str]) -> Value {
        json!({
            "id": uuid::Uuid::nil(), "trigger": "manual", "state": state, "priority": 0,
            "created_at": "2026-01-01T00:00:00Z", "waits_for": waits_for,
            "progress": {
                "total": 2, "queued": 2 - finished, "running": 0, "finished": finished, "dead": 0, "cancelled": 0
            },
        })
    }

    /// Starts a master that is unavailable at the first request. At the second request its run is half done, and at
    /// further requests the run is finished.
    async fn master() -> Master {
        let looks = Arc::new(AtomicU64::new(0));
        let look = move || async move {
            match looks.fetch_add(1, Ordering::Relaxed) {
                0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                1 => Json(run("running", 1, &[])).into_response(),
                _ => Json(run("finished", 2, &[])).into_response(),
            }
        };
        serve(Router::new().route("/api/v1/diagnosis/runs/{id}", get(look)), "", None).await
    }

    #[tokio::test]
    async fn a_run_is_followed_to_its_end_over_a_gap() {
        let first = serde_json::from_value(run("waiting", 0, &["a node"])).unwrap();
        let mut heard = Heard::default();
        let last = ended(&master().await, first, PACE, &mut heard).await.unwrap();
        assert_eq!(last.state, RunState::Finished);
        let words =
            ["0/2 finished, 2 queued; waiting for a node", "lost", "1/2 finished, 1 queued", "2/2 finished"];
        assert_eq!(heard.0, words);
    }

    #[tokio::test]
    async fn a_master_that_stays_away_is_given_up() {
        let first = serde_json::from_value(run("running", 0, &[])).unwrap();
        let pace = Pace { patience: Duration::ZERO, ..PACE };
        let error = ended(&master().await, first, pace, &mut Heard::default()).await.unwrap_err();
        assert!(error.to_string().contains("answered 503"), "{error}");
    }
}
