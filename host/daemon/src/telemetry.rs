//! Traces for an OpenTelemetry collector, if one is configured. Spans that cannot be exported are dropped. The log
//! reports only the first failure, and the end of the failures.

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Handle;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::Targets};

/// The time limit for an answer of the collector. Spans that the collector does not accept in this time are dropped.
const ANSWER: Duration = Duration::from_secs(5);
/// The time for which spans are collected before they are sent.
const GATHER: Duration = Duration::from_secs(2);
/// The time limit for the export of the last spans when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// The largest number of spans that wait for the collector. Further spans are dropped.
const WAITING: usize = 8_192;

/// Settings of the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// The collector's address for OTLP over HTTP, such as `http://collector:4318`. If absent, nothing is exported.
    pub endpoint: Option<String>,
    /// The name of the service in traces.
    pub service: &'static str,
    /// The instance of the service in traces.
    pub instance: String,
}

/// The running export.
#[derive(Debug)]
pub struct Exporting(SdkTracerProvider);

/// Parses the setting of a collector's address.
///
/// # Errors
///
/// A message that names the allowed values.
pub fn parse_endpoint(text: &str) -> Result<String, String> {
    let wanted = || "expected an http:// or https:// address, such as http://collector:4318".to_owned();
    let url: axum::http::Uri = text.parse().map_err(|_| wanted())?;
    match url.scheme_str() {
        Some("http" | "https") if url.authority().is_some_and(|host| !host.as_str().contains('@')) => {
            Ok(text.to_owned())
        }
        _ => Err(wanted()),
    }
}

/// Starts the export on a separate thread. The thread sends its requests to the collector through `runtime`.
pub(crate) fn start(
    config: &TraceConfig,
    level: Level,
    runtime: &Handle,
) -> anyhow::Result<Option<(Exporting, impl Layer<Registry> + Send + Sync + use<>)>> {
    let Some(endpoint) = &config.endpoint else { return Ok(None) };
    // An error means that a provider of cryptography is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = reqwest::Client::builder().timeout(ANSWER).redirect(reqwest::redirect::Policy::none());
    let courier = Courier {
        http: http.build().context("--otlp-endpoint: the HTTP client cannot be created")?,
        runtime: runtime.clone(),
    };
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_http_client(courier)
        .with_endpoint(traces_url(endpoint))
        .build()
        .with_context(|| format!("--otlp-endpoint {endpoint}"))?;
    let batches = BatchConfigBuilder::default().with_scheduled_delay(GATHER).with_max_queue_size(WAITING);
    let processor = BatchSpanProcessor::builder(Told::new(exporter, endpoint.clone()))
        .with_batch_config(batches.build())
        .build();
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", config.service),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", config.instance.clone()),
    ]);
    let provider =
        SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource.build()).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("easysight"))
        .with_location(false)
        .with_threads(false)
        // Traces always contain the spans of level DEBUG, which are the steps of a job. In a log, these steps would be
        // too many lines.
        .with_filter(Targets::new().with_target("easysight", level.max(Level::DEBUG)));
    Ok(Some((Exporting(provider), layer)))
}

/// Returns the collector's address for traces: `endpoint`, to which the path `/v1/traces` is added if it is missing.
fn traces_url(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    if endpoint.ends_with("/v1/traces") { endpoint.to_owned() } else { format!("{endpoint}/v1/traces") }
}

impl Exporting {
    /// Sends the last spans. Gives up after two seconds.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::debug!(%error, "the last spans were not exported");
        }
    }
}

/// Returns the W3C trace context of the current span, or `None` if no traces are exported.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove("traceparent")
}

/// Makes a new span the child of a span in another process.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // An invalid trace context is read as an empty one. The span then begins a new trace.
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    // An error means that nothing is exported.
    span.set_parent(parent).ok();
}

/// Sends requests to the collector on the runtime, because the thread of the export has no runtime.
#[derive(Debug)]
struct Courier {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        self.runtime.spawn(async move { http.send_bytes(request).await }).await?
    }
}

/// An exporter that logs the first failure of a series, and the first success after the series.
struct Told<E> {
    exporter: E,
    endpoint: String,
    troubled: AtomicBool,
}

impl<E> Told<E> {
    const fn new(exporter: E, endpoint: String) -> Self {
        Self { exporter, endpoint, troubled: AtomicBool::new(false) }
    }
}

impl<E> fmt::Debug for Told<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        match (&exported, self.troubled.swap(exported.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(
                endpoint = self.endpoint,
                %error,
                "the collector does not accept traces; they are dropped until it does"
            ),
            (Ok(()), true) => tracing::info!(endpoint = self.endpoint, "the collector accepts traces again"),
            _ => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_for_traces_is_added_where_it_is_not_given() {
        assert_eq!(traces_url("http://c:4318"), "http://c:4318/v1/traces");
        assert_eq!(traces_url("http://c/otlp/"), "http://c/otlp/v1/traces");
        assert_eq!(traces_url("http://c:4318/v1/traces"), "http://c:4318/v1/traces");
    }

    #[test]
    fn an_address_is_http_without_credentials() {
        assert!(parse_endpoint("https://collector.example/otlp").is_ok());
        for wrong in ["collector:4318", "grpc://c:4317", "http://user:password@c", "", "http://"] {
            assert!(parse_endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_collector_spans_have_no_trace() {
        let span = tracing::info_span!("job");
        follow(&span, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert_eq!(span.in_scope(traceparent), None);
    }
}
