//! Metrics of findings. A node counts the findings that it made. A master counts the findings that it stored.

use easysight_protocol::Finding;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// The labels of the metric `findings`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    diagnosis: String,
    status: String,
}

/// The labels of the metrics of plugins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

/// Counts of findings by diagnosis and status, and the time and fuel of each plugin.
#[derive(Debug)]
pub struct FindingMetrics {
    findings: Family<FindingLabels, Counter>,
    plugin_seconds: Family<PluginLabels, Histogram>,
    fuel: Family<PluginLabels, Counter>,
}

impl FindingMetrics {
    /// Registers `findings`, `plugin_seconds` and `fuel`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        // The buckets range from 0.1 milliseconds to 6.6 seconds.
        let plugin_seconds = Family::new_with_constructor(
            (|| Histogram::new(exponential_buckets(0.0001, 2.0, 17))) as fn() -> Histogram,
        );
        let metrics = Self { findings: Family::default(), plugin_seconds, fuel: Family::default() };
        registry.register("findings", "Findings by diagnosis and status", metrics.findings.clone());
        registry.register_with_unit(
            "plugin",
            "Duration of one run of a plugin",
            Unit::Seconds,
            metrics.plugin_seconds.clone(),
        );
        registry.register("fuel", "Fuel used by plugins", metrics.fuel.clone());
        metrics
    }

    /// Counts the findings of one job.
    pub fn count<'a>(&self, of_one_job: impl IntoIterator<Item = &'a Finding>) {
        let mut timed: Vec<&str> = Vec::new();
        for finding in of_one_job {
            let labels =
                FindingLabels { diagnosis: finding.diagnosis.clone(), status: finding.word().to_owned() };
            self.findings.get_or_create(&labels).inc();
            // Findings of one plugin share its time and fuel.
            if let Some(plugin) = &finding.plugin
                && !timed.contains(&plugin.as_str())
            {
                timed.push(plugin);
                let labels = PluginLabels { plugin: plugin.clone() };
                self.plugin_seconds.get_or_create(&labels).observe(finding.compute_ms / 1e3);
                self.fuel.get_or_create(&labels).inc_by(finding.fuel);
            }
        }
    }
}
