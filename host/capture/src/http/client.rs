//! HTTP requests to a camera: authentication, redirects, and the body of the answer.

use std::{borrow::Cow, error::Error, io, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Response, StatusCode,
    header::{
        ACCEPT_RANGES, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
    redirect::Policy,
};
use tempfile::NamedTempFile;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout_at},
};
use url::Url;

use super::{splitter::Splitter, watched::watched};
use crate::{
    auth::{Authorization, bare, ways},
    capture::CaptureConfig,
    error::{CaptureErrorKind as Kind, Failure, is_of_this_machine},
    journal::{Journal, headers},
};

/// The largest number of redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// The largest number of authentication challenges that are answered.
const MAX_ATTEMPTS: usize = 4;
/// The time to wait for a second picture, after a first picture that may be the only one.
const ANOTHER: Duration = Duration::from_secs(1);
/// A time longer than any capture.
const LONG: Duration = Duration::from_hours(24);
/// The largest number of times that a request is repeated because the camera answered that it is busy.
const MAX_BUSY: usize = 2;
/// The time before a repeated request, if the busy camera names no time.
const BUSY: Duration = Duration::from_secs(1);
/// The longest wait for a busy camera. If the camera names a longer time, the request is not repeated.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The largest number of characters that are quoted from data that is not a picture.
const QUOTED: usize = 80;

/// The continuation of the data after a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Another {
    /// Another picture.
    Begins,
    /// Nothing so far, but the connection is open.
    NotYet,
    /// Nothing more can follow.
    Never,
}

/// The body of an answer.
pub(crate) struct Body {
    response: Response,
    pub(crate) status: String,
    pub(crate) content_type: String,
    /// True if parts of the body can be requested.
    pub(crate) has_ranges: bool,
    pub(crate) received: u64,
    length: Option<u64>,
    buffer: BytesMut,
    beginning: Bytes,
    patience: Duration,
    late: Instant,
    pub(crate) journal: Journal,
}

/// Requests an address and follows its redirects.
pub(crate) async fn get(url: &Url, config: &CaptureConfig, late: Instant) -> Result<Body, Failure> {
    let client = client(config)?;
    let mut authorization = Authorization::of(url);
    let mut url = bare(url);
    let mut redirects = 0;
    let mut attempts = 0;
    let mut busy = 0;
    let mut again = false;
    loop {
        let uri =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let mut request = client.get(url.clone());
        let value = authorization.value("GET", &uri);
        // The value contains the camera's realm, which need not be ASCII.
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            request = request.header(AUTHORIZATION, value);
        }
        let until = late.min(Instant::now() + config.connect_timeout * 2);
        let response = match timeout_at(until, request.send()).await {
            Ok(response) => response.map_err(|error| failed(&error, &url)),
            Err(_) => Err(Failure::new(Kind::ConnectTimedOut, "GET: no answer".into())),
        };
        if config.journal.listens() {
            let answer = response.as_ref().map_or_else(|failure| failure.detail.clone(), told);
            config.journal.write_request(&format!("GET {url}"), value.as_deref(), answer);
        }
        let response = match response {
            // Many cameras close the connection after each answer without announcement. A request that was sent on a
            // closed connection is sent once more, on a new connection.
            Err(failure) if failure.kind == Kind::HungUp && redirects + attempts + busy > 0 && !again => {
                again = true;
                continue;
            }
            response => response?,
        };
        again = false;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && attempts < MAX_ATTEMPTS {
            attempts += 1;
            let challenges = texts(response.headers());
            if authorization.asked(challenges.iter().map(AsRef::as_ref)) {
                continue;
            }
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
            && busy < MAX_BUSY
        {
            busy += 1;
            let wait = retry_after(&response);
            if wait <= MAX_WAIT && Instant::now() + wait < late {
                sleep(wait).await;
                continue;
            }
        }
        if let Some(to) = location(&response) {
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                let detail = format!("{status}: more than {MAX_REDIRECTS} redirects");
                return Err(Failure::new(Kind::ServerError, detail));
            }
            let to = elsewhere(&url, &to, status)?;
            config.journal.has_secrets(&to);
            let unencrypted = url.scheme() == "https" && to.scheme() == "http";
            if to.host_str() != url.host_str() || unencrypted {
                // The credentials are not sent to another host. After an encrypted request, they are not sent
                // without encryption either.
                authorization = Authorization::of(&to);
            }
            url = to;
            continue;
        }
        authorization.granted("GET", status.as_u16(), &status.to_string())?;
        return Ok(Body::of(response, config, late));
    }
}

fn client(config: &CaptureConfig) -> Result<Client, Failure> {
    // An error means that a provider of cryptography is already installed.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = Client::builder()
        .user_agent(concat!("EasySight/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.connect_timeout)
        .redirect(Policy::none())
        .http1_only()
        // Cameras expect headers with capital letters.
        .http1_title_case_headers()
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http09_responses()
        // Cameras sign their own certificates.
        .tls_certs_only([])
        .tls_danger_accept_invalid_certs(true);
    watched(builder, &config.journal)
        .build()
        .map_err(|error| Failure::new(Kind::FfmpegFailed, format!("no HTTP client: {error}")))
}

/// Summarises the status and the headers of an answer for the journal.
fn told(response: &Response) -> String {
    const TELLING: &[&str] = &["Server", "Content-Type", "Content-Length", "Transfer-Encoding", "Location"];
    let status = response.status();
    let all = response.headers();
    let asks = status == StatusCode::UNAUTHORIZED;
    let ways = if asks { ways(texts(all).iter().map(AsRef::as_ref)) } else { String::new() };
    let headers =
        headers(TELLING, |name| all.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())));
    format!("{status}{ways}{headers}")
}

fn texts(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
}

/// Returns the time to wait before the next request to a busy camera.
fn retry_after(response: &Response) -> Duration {
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(BUSY, Duration::from_secs)
}

fn location(response: &Response) -> Option<String> {
    let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let to = response.headers().get(LOCATION).filter(|_| moved)?;
    Some(String::from_utf8_lossy(to.as_bytes()).into_owned())
}

fn elsewhere(url: &Url, to: &str, status: StatusCode) -> Result<Url, Failure> {
    match url.join(to) {
        Ok(to) if matches!(to.scheme(), "http" | "https") && to.has_host() => Ok(bare(&to)),
        Ok(to) => {
            let detail = format!("{status}: the camera redirects to a {}:// address", to.scheme());
            Err(Failure::new(Kind::ServerError, detail))
        }
        Err(error) => Err(Failure::new(
            Kind::ServerError,
            format!("{status}: the camera redirects to an invalid address: {error}"),
        )),
    }
}

/// Returns the reason why there is no answer.
fn failed(error: &reqwest::Error, url: &Url) -> Failure {
    let mut causes = Vec::new();
    let mut system = None;
    let mut lacking = false;
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            system = Some(error.kind());
            lacking |= is_of_this_machine(error);
        }
        next = cause.source();
    }
    let text = causes.last().cloned().unwrap_or_else(|| error.to_string());
    let says = |words: &str| causes.iter().any(|cause| cause.contains(words));
    let kind = match system {
        _ if lacking => Kind::FfmpegFailed,
        _ if says("dns error") => Kind::NoSuchHost,
        Some(io::ErrorKind::ConnectionRefused) => Kind::ConnectionRefused,
        Some(
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable,
        ) => Kind::HostUnreachable,
        Some(io::ErrorKind::TimedOut) => Kind::ConnectTimedOut,
        _ if error.is_timeout() => Kind::ConnectTimedOut,
        _ if error.is_connect() && url.scheme() == "https" => Kind::TlsFailed,
        // The head of the answer is invalid.
        _ if says("parsed") || says("invalid header") || says("too large") => Kind::NotMedia,
        // In all other cases the host was reached but did not answer.
        _ => Kind::HungUp,
    };
    Failure::new(kind, format!("GET: {text}"))
}

impl Body {
    fn of(response: Response, config: &CaptureConfig, late: Instant) -> Self {
        let (patience, journal) = (config.connect_timeout, config.journal.clone());
        let text = |name| response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let content_type = text(CONTENT_TYPE).unwrap_or_default().trim().to_ascii_lowercase();
        let has_ranges = text(ACCEPT_RANGES).is_some_and(|ranges| ranges.contains("bytes"));
        let (status, length) = (response.status().to_string(), response.content_length());
        let (buffer, beginning) = (BytesMut::new(), Bytes::new());
        Self {
            response,
            status,
            content_type,
            has_ranges,
            received: 0,
            length,
            buffer,
            beginning,
            patience,
            late,
            journal,
        }
    }

    /// Stops enforcing the deadline here. From now on, the code that reads the decoder's output enforces it.
    pub(crate) fn unhurried(&mut self) {
        self.late = Instant::now() + LONG;
    }

    /// Waits for more bytes. Returns false if there are no more.
    pub(crate) async fn fill(&mut self) -> Result<bool, Failure> {
        let until = self.late.min(Instant::now() + self.patience);
        match timeout_at(until, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.received += bytes.len() as u64;
                self.buffer.extend_from_slice(&bytes);
                Ok(true)
            }
            Ok(Ok(None)) => Ok(false),
            Ok(Err(error)) if !error.is_timeout() => {
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                Err(Failure::new(Kind::EndedEarly, format!("the connection broke: {cause}")))
            }
            _ => {
                let detail = format!("no byte for {} s", self.patience.as_secs_f64());
                Err(Failure::new(Kind::Stalled, detail))
            }
        }
    }

    /// Waits until the buffer has this many bytes, and returns its content without removing it. The content is shorter
    /// if no more bytes arrive.
    pub(crate) async fn at_least(&mut self, bytes: usize) -> Result<&[u8], Failure> {
        while self.buffer.len() < bytes {
            match self.fill().await {
                Ok(true) => {}
                Ok(false) => break,
                // The bytes that arrived may be enough to recognise the format.
                Err(_) if !self.buffer.is_empty() => break,
                Err(why) => return Err(why),
            }
        }
        Ok(&self.buffer)
    }

    /// Removes all bytes from the buffer and returns them.
    pub(crate) fn take(&mut self) -> Bytes {
        let taken = self.buffer.split().freeze();
        if self.beginning.is_empty() {
            self.beginning = taken.slice(..taken.len().min(4 * QUOTED));
        }
        taken
    }

    /// Reads the whole body.
    pub(crate) async fn whole(mut self, most: usize) -> Result<Vec<u8>, Failure> {
        loop {
            if self.buffer.len() > most {
                return Err(Failure::new(Kind::TooLarge, format!("a picture may have at most {most} bytes")));
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) => break,
                // The connection may stay open after the body.
                Err(_) if self.left() == Some(0) || self.length.is_none() => break,
                Err(why) => return Err(why),
            }
            if self.left() == Some(0) {
                break;
            }
        }
        Ok(self.buffer.to_vec())
    }

    /// Reads the whole body into a temporary file. The file is deleted when its handle is dropped.
    pub(crate) async fn download(mut self, most: u64) -> Result<NamedTempFile, Failure> {
        let failed = |error: io::Error| {
            Failure::new(Kind::FfmpegFailed, format!("the temporary file for the recording: {error}"))
        };
        let too_large = || {
            let detail =
                format!("the recording's index is at its end, and it has more than {} MiB", most >> 20);
            Failure::new(Kind::TooLarge, detail)
        };
        let file = NamedTempFile::new().map_err(failed)?;
        let mut kept = tokio::fs::File::from_std(file.reopen().map_err(failed)?);
        loop {
            if self.received.max(self.length.unwrap_or(0)) > most {
                return Err(too_large());
            }
            let bytes = self.take();
            kept.write_all(&bytes).await.map_err(failed)?;
            if self.left() == Some(0) || !self.fill().await? {
                break;
            }
        }
        let bytes = self.take();
        kept.write_all(&bytes).await.map_err(failed)?;
        kept.flush().await.map_err(failed)?;
        Ok(file)
    }

    /// Returns the number of announced bytes that have not arrived yet. None if the camera announced no length.
    pub(crate) fn left(&self) -> Option<u64> {
        self.length.map(|length| length.saturating_sub(self.received))
    }

    /// Waits a moment for another picture.
    pub(crate) async fn another(&mut self, splitter: &mut Splitter) -> Another {
        let until = Instant::now() + ANOTHER;
        while !splitter.begins() {
            match timeout_at(until, self.fill()).await {
                Ok(Ok(true)) => splitter.push(&self.take()),
                Ok(_) => return Another::Never,
                Err(_) => return Another::NotYet,
            }
        }
        Another::Begins
    }

    /// Returns the failure for an answer that is neither a picture nor a stream, and quotes the beginning of its
    /// data.
    pub(crate) fn no_media(&self) -> Failure {
        let beginning: &[u8] = if self.beginning.is_empty() { &self.buffer } else { &self.beginning };
        let text = String::from_utf8_lossy(beginning.get(..4 * QUOTED).unwrap_or(beginning));
        let shown = |c: char| if c.is_control() || c == '\u{FFFD}' { '·' } else { c };
        let text: String = text.trim().chars().map(shown).take(QUOTED).collect();
        Failure::new(Kind::NotMedia, format!("{}, {}: {text:?}", self.status, self.content_type))
    }
}
