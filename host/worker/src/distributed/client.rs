//! The HTTP client for the master. Every call has a deadline, and every refusal has a kind.

use std::{
    fs,
    mem::{Discriminant, discriminant},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use easysight_daemon::{
    requests::{REQUEST_ID, RequestId, TRACEPARENT},
    telemetry,
};
use easysight_diagnose::Picture;
use easysight_protocol::{
    HeartbeatAnswer, HeartbeatRequest, Incarnation, JobId, LeaseAnswer, LeaseRequest, PluginSignature,
    Problem, RegisterAnswer, RegisterRequest, ResultsAnswer, ResultsRequest,
};
use easysight_sandbox::Digest;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::settings::WorkerSettings;

/// The longest wait that a poll requests, independent of the settings. The master answers within this time.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);
/// The time limit of connecting to the master.
const CONNECT: Duration = Duration::from_secs(10);
/// The time limit of the answer to a call that is neither a long poll nor a download.
const ANSWER: Duration = Duration::from_secs(20);
/// The time that a long poll may take in addition to the wait that it requests.
const POLL_SLACK: Duration = Duration::from_secs(10);
/// The longest time for which a download may receive no data.
const SILENCE: Duration = Duration::from_secs(30);
/// The time limit of a whole download.
const DOWNLOAD: Duration = Duration::from_secs(600);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There was no answer, or the answer cannot be parsed.
    #[error("the master at {url} cannot be reached: {reason}")]
    Unreachable {
        /// The address of the master.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The master does not know this node. The node must register again.
    #[error("the master does not know this node: {0}")]
    Forgotten(String),
    /// Another incarnation of this node, which is another process, registered after this one. A new registration shows
    /// whether the other process is alive.
    #[error("this node was superseded: {0}")]
    Superseded(String),
    /// Another process with this node id is alive.
    #[error("the node id is in use: {0}")]
    InUse(String),
    /// The master refused for another reason.
    #[error("the master refused the call ({status}, request {call}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The detail of the master's answer.
        detail: String,
        /// The id of the call in the master's log.
        call: RequestId,
    },
    /// The call was never made, because of a defect of this program.
    #[error("the call could not be made: {0}")]
    Defect(String),
}

impl CallError {
    /// Returns a value that is equal for errors of the same kind, even if their details differ.
    pub(crate) fn kind(&self) -> (Discriminant<Self>, Option<u16>) {
        let status = match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        };
        (discriminant(self), status)
    }

    /// True if the node must register again before the master accepts its calls.
    pub(crate) const fn wants_registration(&self) -> bool {
        matches!(self, Self::Forgotten(_) | Self::Superseded(_))
    }

    /// True if the same call may succeed later.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(*status, 401 | 403 | 404 | 408 | 429 | 500..),
            _ => true,
        }
    }
}

/// A client of one master.
#[derive(Debug, Clone)]
pub(crate) struct MasterClient {
    http: Client,
    base: String,
    node_id: String,
    token: Option<String>,
}

impl MasterClient {
    pub(crate) fn new(settings: &WorkerSettings, node_id: &str) -> anyhow::Result<Self> {
        // An error means that a provider is already installed.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut http = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE.max(settings.task_poll_interval.min(MAX_WAIT) + POLL_SLACK))
            .tcp_keepalive(Duration::from_secs(15))
            // A master never redirects, and the token must not be sent to another server.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("easysight-worker/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &settings.master_ca {
            http = http.tls_certs_merge(authority(file)?);
        }
        Ok(Self {
            http: http.build().context("the HTTP client does not start")?,
            base: settings.master.trim_end_matches('/').to_owned(),
            node_id: node_id.to_owned(),
            token: settings.api_token.as_ref().map(|token| token.0.clone()),
        })
    }

    /// The master's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) async fn register(&self, request: &RegisterRequest) -> Result<RegisterAnswer, CallError> {
        self.call(self.post("register").json(request).timeout(ANSWER)).await
    }

    /// Renews leases. Waits at most `patience` for the answer, so that another heartbeat can be sent before the leases
    /// expire if no answer arrives.
    pub(crate) async fn heartbeat(
        &self,
        request: &HeartbeatRequest,
        patience: Duration,
    ) -> Result<HeartbeatAnswer, CallError> {
        let path = format!("{}/heartbeat", self.node_id);
        self.call(self.post(&path).json(request).timeout(patience.min(ANSWER))).await
    }

    pub(crate) async fn lease(&self, request: &LeaseRequest) -> Result<LeaseAnswer, CallError> {
        let path = format!("{}/leases", self.node_id);
        let in_time = Duration::from_millis(request.wait_ms) + POLL_SLACK;
        self.call(self.post(&path).json(request).timeout(in_time)).await
    }

    pub(crate) async fn results(&self, request: &ResultsRequest) -> Result<ResultsAnswer, CallError> {
        let path = format!("{}/results", self.node_id);
        let answer: ResultsAnswer = self.call(self.post(&path).json(request).timeout(ANSWER)).await?;
        let (sent, judged) = (request.results.len(), answer.verdicts.len());
        if sent == judged {
            return Ok(answer);
        }
        // It is unknown which results are recorded. Sending all results again does no harm.
        let reason = format!("its answer has {judged} verdicts for {sent} results");
        Err(CallError::Unreachable { url: self.base.clone(), reason })
    }

    pub(crate) async fn unregister(&self, incarnation: Incarnation) -> Result<(), CallError> {
        let path = format!("/api/v1/diagnosis/workers/{}", self.node_id);
        let request = self.request(Method::DELETE, &path).query(&[("incarnation", incarnation.to_string())]);
        self.send(request.timeout(ANSWER)).await.map(|_| ())
    }

    /// Requests the bytes of a plugin from `offset` on. The answer may start at another offset, which the headers of
    /// the answer contain.
    pub(crate) async fn component(&self, digest: Digest, offset: u64) -> Result<Response, CallError> {
        let mut request = self.request(Method::GET, &format!("/api/v1/plugins/{digest}/component"));
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        self.send(request.timeout(DOWNLOAD)).await
    }

    /// Requests the signatures of a plugin.
    pub(crate) async fn signature(&self, digest: Digest) -> Result<PluginSignature, CallError> {
        let path = format!("/api/v1/plugins/{digest}/signature");
        self.call(self.request(Method::GET, &path).timeout(ANSWER)).await
    }

    /// Sends a picture. If `good_for` names a camera, the picture shows the normal view of that camera.
    pub(crate) async fn put_picture(
        &self,
        picture: &Picture,
        good_for: Option<&str>,
    ) -> Result<(), CallError> {
        let request = self
            .request(Method::PUT, &format!("/api/v1/diagnosis/pictures/{}", picture.digest))
            .query(&good_for.map(|camera| [("good_for", camera)]))
            .header(header::CONTENT_TYPE, "image/jpeg")
            .body(picture.jpeg.clone());
        self.send(request.timeout(ANSWER)).await.map(|_| ())
    }

    /// Requests the clip that was uploaded with a job's submission.
    pub(crate) async fn upload(&self, job: JobId) -> Result<Response, CallError> {
        let request = self.request(Method::GET, &format!("/api/v1/diagnosis/jobs/{job}/upload"));
        self.send(request.timeout(DOWNLOAD)).await
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, &format!("/api/v1/diagnosis/workers/{path}"))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let answer = self.send(request).await?;
        answer.json().await.map_err(|error| self.unreachable(&error))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let id = RequestId::new();
        let mut request = request.header(REQUEST_ID, id.to_string());
        if let Some(traceparent) = telemetry::traceparent() {
            request = request.header(TRACEPARENT, traceparent);
        }
        let request = request.build();
        let request = request.map_err(|error| CallError::Defect(error.to_string()))?;
        let (method, path, started) =
            (request.method().clone(), request.url().path().to_owned(), Instant::now());
        let answer = self.http.execute(request).await;
        let (status, took) = (answer.as_ref().ok().map(|answer| answer.status().as_u16()), started.elapsed());
        tracing::debug!(call = %id, %method, path, status, ?took, "asked the master");
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        let problem: Option<Problem> = serde_json::from_str(&text).ok();
        let Some(Problem { kind, detail, .. }) = problem else {
            let detail = advise(status, text.chars().take(200).collect());
            return Err(CallError::Refused { status: status.as_u16(), detail, call: id });
        };
        Err(match kind.as_str() {
            "/problems/no-such-node" => CallError::Forgotten(detail),
            "/problems/superseded" => CallError::Superseded(detail),
            "/problems/node-id-in-use" => CallError::InUse(detail),
            _ if status == StatusCode::UNAUTHORIZED => {
                CallError::Refused { status: status.as_u16(), detail: advise(status, detail), call: id }
            }
            _ => CallError::Refused { status: status.as_u16(), detail, call: id },
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> CallError {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            reason = error.to_string();
            cause = error.source();
        }
        CallError::Unreachable { url: self.base.clone(), reason }
    }
}

/// Adds advice if the detail alone does not help the person who started the worker.
fn advise(status: StatusCode, detail: String) -> String {
    match status {
        StatusCode::UNAUTHORIZED => format!("{detail} (give the worker its token with --api-token)"),
        StatusCode::NOT_FOUND => format!("{detail} (is this the address of an EasySight master?)"),
        _ => detail,
    }
}

/// Reads the certificates of a PEM file.
fn authority(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let shown = || format!("--master-ca {}", file.display());
    let pem = fs::read(file).with_context(shown)?;
    let certificates = Certificate::from_pem_bundle(&pem).with_context(shown)?;
    anyhow::ensure!(
        !certificates.is_empty(),
        "--master-ca {}: the file contains no certificate",
        file.display()
    );
    Ok(certificates)
}

#[cfg(test)]
mod tests;
