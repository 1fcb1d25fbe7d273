//! Metrics for Prometheus.

use easysight_daemon::findings::FindingMetrics;
use easysight_protocol::{DiagnosisResult, Verdict};
use easysight_store::QueueState;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Word {
    kind: String,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    queue: Family<Word, Gauge>,
    oldest: Family<Word, Gauge>,
    pub(crate) backlog: Gauge,
    pub(crate) long_polls: Gauge,
    statements: Counter,
    pub(crate) leased: Counter,
    pub(crate) lost_cameras: Gauge,
    pub(crate) passed_over: Counter,
    /// Leases that ended without a result.
    churn: Family<Word, Counter>,
    results: Family<Word, Counter>,
    findings: FindingMetrics,
    capture_failures: Family<Word, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("easysight_master");
        let new = Self {
            queue: Family::default(),
            oldest: Family::default(),
            backlog: Gauge::default(),
            long_polls: Gauge::default(),
            statements: Counter::default(),
            leased: Counter::default(),
            lost_cameras: Gauge::default(),
            passed_over: Counter::default(),
            churn: Family::default(),
            results: Family::default(),
            findings: FindingMetrics::register(&mut registry),
            capture_failures: Family::default(),
            registry: Registry::default(),
        };
        registry.register("jobs", "Jobs by state", new.queue.clone());
        registry.register_with_unit(
            "oldest_job",
            "Age of the oldest queued job and of the oldest lease",
            Unit::Other("milliseconds".into()),
            new.oldest.clone(),
        );
        registry.register("store_backlog", "Commands that wait for the database", new.backlog.clone());
        registry.register("database_statements", "Statements sent to the database", new.statements.clone());
        registry.register("long_polls", "Workers that wait for a job", new.long_polls.clone());
        registry.register("jobs_leased", "Jobs handed to workers", new.leased.clone());
        registry.register("cameras_lost", "Cameras that deliver no picture", new.lost_cameras.clone());
        registry.register(
            "checks_passed_over",
            "Checks skipped because the previous check of the same camera by the same task had not ended",
            new.passed_over.clone(),
        );
        registry.register("leases_lost", "Leases that ended without a result, by reason", new.churn.clone());
        registry.register("results", "Results by verdict", new.results.clone());
        registry.register(
            "capture_failures",
            "Checks that got no picture, by reason",
            new.capture_failures.clone(),
        );
        Self { registry, ..new }
    }

    pub(crate) fn queue(&self, state: &QueueState) {
        for (kind, jobs) in [("queued", state.queued), ("running", state.running), ("dead", state.dead)] {
            self.queue.get_or_create(&word(kind)).set(i64::try_from(jobs).unwrap_or(i64::MAX));
        }
        self.oldest.get_or_create(&word("queued")).set(state.oldest_queued_ms);
        self.oldest.get_or_create(&word("running")).set(state.oldest_running_ms);
    }

    /// Sets the number of statements that were sent so far.
    pub(crate) fn statements(&self, sent: u64) {
        self.statements.inc_by(sent.saturating_sub(self.statements.get()));
    }

    pub(crate) fn lost(&self, reason: &str, leases: u64) {
        self.churn.get_or_create(&word(reason)).inc_by(leases);
    }

    pub(crate) fn verdict(&self, verdict: Verdict) {
        let kind = match verdict {
            Verdict::Recorded => "recorded",
            Verdict::Duplicate => "duplicate",
            Verdict::Stale => "stale",
            Verdict::Unknown => "unknown",
        };
        self.results.get_or_create(&word(kind)).inc();
    }

    /// Counts stored findings. Results of the same job must be adjacent.
    pub(crate) fn findings(&self, results: &[DiagnosisResult]) {
        for job in results.chunk_by(|a, b| a.job_id == b.job_id) {
            self.findings.count(job.iter().map(|result| &result.finding));
            for loss in job.iter().filter_map(|result| result.finding.loss.as_deref()) {
                self.capture_failures.get_or_create(&word(loss)).inc();
            }
        }
    }

    /// Writes the metrics in the text format of `OpenMetrics`.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

fn word(kind: &str) -> Word {
    Word { kind: kind.to_owned() }
}
