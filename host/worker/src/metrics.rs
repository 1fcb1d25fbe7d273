//! The worker's metrics, for Prometheus.

use easysight_daemon::findings::FindingMetrics;
use easysight_protocol::{Finding, Look, Totals};
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

/// The labels of a count by kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    look: &'static str,
}

/// The metrics of a worker.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) accepted: Counter,
    pub(crate) finished: Counter,
    pub(crate) failed: Counter,
    pub(crate) refused: Counter,
    pub(crate) running: Gauge,
    pub(crate) queued: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) capture_seconds: Histogram,
    pub(crate) polls: Counter,
    pub(crate) heartbeat_failures: Counter,
    pub(crate) returned: Counter,
    pub(crate) dropped: Counter,
    pub(crate) spooled: Gauge,
    pub(crate) pictures: Counter,
    pub(crate) pictures_dropped: Counter,
    capture_failures: Family<KindLabels, Counter>,
    looks: Family<LookLabels, Counter>,
    findings: FindingMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("easysight_worker");
        // From a millisecond to half a minute.
        let capture_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let metrics = Self {
            accepted: Counter::default(),
            finished: Counter::default(),
            failed: Counter::default(),
            refused: Counter::default(),
            running: Gauge::default(),
            queued: Gauge::default(),
            waiting: Gauge::default(),
            capture_seconds,
            polls: Counter::default(),
            heartbeat_failures: Counter::default(),
            returned: Counter::default(),
            dropped: Counter::default(),
            spooled: Gauge::default(),
            pictures: Counter::default(),
            pictures_dropped: Counter::default(),
            capture_failures: Family::default(),
            looks: Family::default(),
            findings: FindingMetrics::register(&mut registry),
            registry: Registry::default(),
        };
        registry.register("jobs_accepted", "Jobs accepted", metrics.accepted.clone());
        registry.register("jobs_finished", "Jobs that ended with findings", metrics.finished.clone());
        registry.register("jobs_failed", "Jobs that ended without findings", metrics.failed.clone());
        registry.register("jobs_returned", "Jobs returned to the master", metrics.returned.clone());
        registry.register(
            "jobs_dropped",
            "Jobs dropped because the master revoked them or they were overdue",
            metrics.dropped.clone(),
        );
        registry.register("pictures", "Pictures that the master accepted", metrics.pictures.clone());
        registry.register(
            "pictures_dropped",
            "Pictures dropped because the buffer was full or no master accepted them",
            metrics.pictures_dropped.clone(),
        );
        registry.register("jobs_refused", "Jobs refused because the queue was full", metrics.refused.clone());
        registry.register("jobs_running", "Jobs in flight", metrics.running.clone());
        registry.register("jobs_queued", "Jobs in the queue", metrics.queued.clone());
        registry.register(
            "captures_waiting",
            "Captures that wait for their cameras and occupy no place of a job",
            metrics.waiting.clone(),
        );
        registry.register_with_unit(
            "capture",
            "Time to capture a clip",
            Unit::Seconds,
            metrics.capture_seconds.clone(),
        );
        registry.register("lease_polls", "Long polls for jobs", metrics.polls.clone());
        registry.register(
            "heartbeat_failures",
            "Heartbeats that did not reach the master",
            metrics.heartbeat_failures.clone(),
        );
        registry.register(
            "spooled_batches",
            "Batches of results on disk that no master has accepted yet",
            metrics.spooled.clone(),
        );
        registry.register(
            "capture_failures",
            "Captures that produced no clip, by kind",
            metrics.capture_failures.clone(),
        );
        registry.register(
            "looks",
            "Checks of cameras for a master, by how much of the camera was checked",
            metrics.looks.clone(),
        );
        Self { registry, ..metrics }
    }

    /// Counts a capture that returned no clip.
    pub(crate) fn capture_failed(&self, kind: &'static str) {
        self.capture_failures.get_or_create(&KindLabels { kind }).inc();
    }

    /// Counts a check for a master.
    pub(crate) fn looked(&self, look: Look) {
        let look = match look {
            Look::Full => "full",
            Look::Short => "short",
            Look::Connect => "connect",
        };
        self.looks.get_or_create(&LookLabels { look }).inc();
    }

    /// Counts the findings of a job.
    pub(crate) fn count_findings(&self, findings: &[Finding]) {
        self.findings.count(findings);
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            accepted: self.accepted.get(),
            finished: self.finished.get(),
            failed: self.failed.get(),
            refused: self.refused.get(),
        }
    }

    /// Renders the metrics in the text format of `OpenMetrics`.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}
