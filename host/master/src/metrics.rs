//! What is counted and measured, for Prometheus.

use easysight_protocol::{DiagnosisResult, Verdict};
use easysight_store::QueueState;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Word {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    diagnosis: String,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

/// All of them.
pub(crate) struct Metrics {
    registry: Registry,
    queue: Family<Word, Gauge>,
    oldest: Family<Word, Gauge>,
    pub(crate) backlog: Gauge,
    pub(crate) long_polls: Gauge,
    pub(crate) leased: Counter,
    /// Leases that ended otherwise than by a result.
    churn: Family<Word, Counter>,
    results: Family<Word, Counter>,
    findings: Family<FindingLabels, Counter>,
    fuel: Family<PluginLabels, Counter>,
    plugin_seconds: Family<PluginLabels, Histogram>,
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
            leased: Counter::default(),
            churn: Family::default(),
            results: Family::default(),
            findings: Family::default(),
            fuel: Family::default(),
            plugin_seconds: Family::new_with_constructor(
                (|| Histogram::new(exponential_buckets(0.0001, 2.0, 17))) as fn() -> Histogram,
            ),
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
        registry.register("long_polls", "Workers that wait for a job", new.long_polls.clone());
        registry.register("jobs_leased", "Jobs handed to workers", new.leased.clone());
        registry.register("leases_lost", "Leases that ended without a result, by reason", new.churn.clone());
        registry.register("results", "Results by verdict", new.results.clone());
        registry.register("findings", "Findings by diagnosis and status", new.findings.clone());
        registry.register("fuel", "Fuel used by plugins", new.fuel.clone());
        registry.register_with_unit(
            "plugin",
            "Time of a run of a plugin",
            Unit::Seconds,
            new.plugin_seconds.clone(),
        );
        registry.register(
            "capture_failures",
            "Cameras without a picture, by kind",
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

    /// Counts findings. Those of one plugin on one clip share its time and fuel.
    pub(crate) fn findings(&self, results: &[DiagnosisResult]) {
        let mut timed = std::collections::HashSet::new();
        for result in results {
            let finding = &result.finding;
            let status: &str = match (finding.status, &finding.failure) {
                (Some(status), _) => status.as_str(),
                (None, Some(failure)) => &failure.kind,
                (None, None) => "none",
            };
            let labels = FindingLabels { diagnosis: finding.diagnosis.clone(), status: status.to_owned() };
            self.findings.get_or_create(&labels).inc();
            match &finding.plugin {
                Some(plugin) if timed.insert((result.job_id, plugin)) => {
                    let labels = PluginLabels { plugin: plugin.clone() };
                    self.plugin_seconds.get_or_create(&labels).observe(finding.compute_ms / 1e3);
                    self.fuel.get_or_create(&labels).inc_by(finding.fuel);
                }
                Some(_) => {}
                // No plugin ran: there was no picture. The message ends in the kind, in brackets.
                None => {
                    let kind = finding.message.en.rsplit_once('[').map_or("unknown", |(_, kind)| kind);
                    self.capture_failures.get_or_create(&word(kind.trim_end_matches(']'))).inc();
                }
            }
        }
    }

    /// In the text format of `OpenMetrics`.
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
