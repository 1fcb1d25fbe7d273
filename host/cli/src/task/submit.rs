//! `easysight task submit`: starts a run of a task and, with `--wait`, shows its findings.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use easysight_protocol::{
    DiagnosisResult, Failure, Finding, Job, JobState, Progress, Run, RunState, SubmitRequest,
};
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;

use super::{
    tables,
    watch::{self, Pace, Teller},
};
use crate::{
    config, exit,
    findings::{self, Line},
    language::Language,
    listing::{self, Format},
    master::{Master, MasterError},
};

/// The maximum number of attempts to submit if answers are lost. All attempts have the same key, so the master counts
/// them as one submission.
const ATTEMPTS: u32 = 3;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The task's id.
    id: String,
    /// Priority of this run instead of the task's, -100 to 100.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-100..=100)
    )]
    priority: Option<i32>,
    /// Configuration of each diagnosis, which overrides the task's.
    #[arg(
        long,
        value_name = "JSON|@FILE",
        help = "Configuration that overrides the task's: a JSON object with one entry per diagnosis, such as \
                '{\"brightness\": {\"dark_p95\": 40}}', or @FILE, a file that contains one"
    )]
    config: Option<String>,
    /// Wait until the run has ended, and show its findings. Ctrl-C ends the waiting, but not the run.
    #[arg(long)]
    wait: bool,
    /// Language of the table's messages. Default: the language of the locale.
    #[arg(long, value_enum, requires = "wait")]
    lang: Option<Language>,
    /// Exit with 0 instead of 1, also if jobs were given up. Errors of this command still exit with 2.
    #[arg(long, requires = "wait")]
    exit_zero: bool,
}

/// The outcome of a run.
#[derive(Debug, Serialize)]
struct Outcome {
    run: Run,
    /// Jobs that were given up.
    dead_jobs: Vec<Job>,
    results: Vec<DiagnosisResult>,
}

pub(super) async fn run(master: &Master, format: Format, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let request =
        SubmitRequest { priority: arguments.priority, config: config::read(arguments.config.as_deref())? };
    let run = submit(master, &arguments.id, &request).await?;
    if !arguments.wait {
        format.show(&run, |run| tables::runs(std::slice::from_ref(run)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = run.id;
    let waited = async {
        let run = watch::ended(master, run, Pace::default(), &mut Teller::new()).await?;
        outcome(master, run).await
    };
    let outcome = tokio::select! {
        outcome = waited => {
            outcome.with_context(|| format!("run {id} was submitted, but its outcome is unknown"))?
        }
        _ = tokio::signal::ctrl_c() => {
            eprintln!("easysight: run {id} continues; cancel it with `easysight task cancel {id}`");
            return Ok(ExitCode::from(exit::INTERRUPTED));
        }
    };
    let language = arguments.lang.unwrap_or_else(Language::of_locale);
    format.show(&outcome, |outcome| findings::table(&lines(outcome, language), language))?;
    let verdict = outcome.verdict();
    if let Some(reason) = outcome.shortcoming() {
        eprintln!("easysight: run {id}: {}", listing::plain(&reason));
    }
    Ok(ExitCode::from(if verdict == exit::ABNORMAL && arguments.exit_zero { 0 } else { verdict }))
}

/// Submits a task. Retries if the answer is lost: the key lets the master recognize a repeated submission.
async fn submit(master: &Master, id: &str, request: &SubmitRequest) -> Result<Run, MasterError> {
    let key = Uuid::new_v4().to_string();
    let mut attempt = 1;
    loop {
        let call = master
            .request(Method::POST, &["diagnosis", "tasks", id, "submit"])?
            .header("Idempotency-Key", &key)
            .json(request);
        match master.answer(call).await {
            Err(error) if error.may_have_arrived() && attempt < ATTEMPTS => {
                tracing::debug!(%error, "submitting again");
                tokio::time::sleep(PAUSE).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

async fn outcome(master: &Master, run: Run) -> Result<Outcome, MasterError> {
    let id = run.id.to_string();
    let mut results: Vec<DiagnosisResult> =
        master.list(&["diagnosis", "results"], &[("run_id", &id)], usize::MAX).await?;
    results.sort_by(|one, other| {
        (&one.camera_id, &one.finding.diagnosis).cmp(&(&other.camera_id, &other.finding.diagnosis))
    });
    let mut dead_jobs = Vec::new();
    if run.progress.dead > 0 {
        let jobs: Vec<Job> = master.list(&["diagnosis", "runs", &id, "jobs"], &[], usize::MAX).await?;
        dead_jobs.extend(jobs.into_iter().filter(|job| job.state == JobState::Dead));
    }
    Ok(Outcome { run, dead_jobs, results })
}

impl Outcome {
    /// Returns the exit code.
    fn verdict(&self) -> u8 {
        let findings = || self.results.iter().map(|result| &result.finding);
        let judged = self.run.state == RunState::Finished && self.run.progress.total > 0;
        if !judged || findings().any(Finding::is_failed) {
            exit::FAILED
        } else if self.run.progress.dead > 0 || findings().any(Finding::is_abnormal) {
            exit::ABNORMAL
        } else {
            exit::SUCCESS
        }
    }

    /// Describes why a run did not judge every camera. `None` if the run judged every camera.
    fn shortcoming(&self) -> Option<String> {
        let progress = &self.run.progress;
        if self.run.state == RunState::Cancelled {
            Some(format!("it was cancelled ({})", tables::progress(progress)))
        } else if progress.total == 0 {
            Some("no cameras were checked".to_owned())
        } else if progress.dead > 0 {
            let (id, Progress { dead, total, .. }) = (self.run.id, progress);
            Some(format!("{dead} of {total} jobs were given up; retry them with `easysight task retry {id}`"))
        } else {
            None
        }
    }
}

fn lines(outcome: &Outcome, language: Language) -> Vec<Line> {
    let results = outcome.results.iter().map(|result| {
        let camera = result.camera_id.as_deref().unwrap_or("–");
        Line::of(camera, result.finding.clone(), 0.0, language)
    });
    let dead = outcome.dead_jobs.iter().map(|job| {
        let camera = job.camera_id.as_deref().unwrap_or(&job.source);
        let unknown = || Failure { kind: "given-up".to_owned(), detail: "the job was given up".to_owned() };
        let failure = job.failure.clone().unwrap_or_else(unknown);
        Line::without_finding(camera, "–", &failure, job.decode_ms.unwrap_or_default())
    });
    results.chain(dead).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(state: &str, total: u64, dead: u64, statuses: &[&str]) -> Outcome {
        let id = Uuid::nil();
        let time = "2026-01-01T00:00:00Z";
        let run = json!({
            "id": id, "trigger": "manual", "state": state, "priority": 0, "created_at": time,
            "progress": {
                "total": total, "queued": 0, "running": 0, "finished": total - dead, "dead": dead, "cancelled": 0
            },
        });
        let result = |status: &&str| {
            json!({
                "id": "1", "job_id": id, "run_id": id, "camera_id": "gate", "captured_at": time, "recorded_at": time,
                "diagnosis": "freeze", "message": { "zh": "", "en": "" }, "fuel": 0, "compute_ms": 0.0,
                "status": (*status != "failed").then_some(status),
                "failure": (*status == "failed").then(|| json!({ "kind": "trap", "detail": "it broke" })),
            })
        };
        let results = statuses.iter().map(result).map(|one| serde_json::from_value(one).unwrap()).collect();
        Outcome { run: serde_json::from_value(run).unwrap(), dead_jobs: Vec::new(), results }
    }

    #[test]
    fn the_exit_code_says_whether_all_is_normal() {
        for (code, outcome) in [
            (exit::SUCCESS, outcome("finished", 2, 0, &["normal", "normal"])),
            (exit::ABNORMAL, outcome("finished", 2, 0, &["normal", "warning"])),
            (exit::ABNORMAL, outcome("finished", 2, 1, &["normal"])),
            (exit::FAILED, outcome("finished", 2, 0, &["warning", "failed"])),
            (exit::FAILED, outcome("cancelled", 2, 0, &["normal"])),
            (exit::FAILED, outcome("finished", 0, 0, &[])),
        ] {
            assert_eq!(outcome.verdict(), code, "{outcome:?}");
        }
    }

    #[test]
    fn jobs_that_were_given_up_are_told_of() {
        let outcome = outcome("finished", 2, 1, &["normal"]);
        assert!(outcome.shortcoming().unwrap().starts_with("1 of 2 jobs were given up"));
    }
}
