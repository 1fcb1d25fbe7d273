//! The client of a master: its address, its token, and one way to send a request and to read the answer. Commands
//! choose the requests.

mod access;
mod error;
#[cfg(test)]
mod tests;

use std::{error::Error, io::Write, time::Duration};

use anyhow::Context;
use easysight_protocol::{PROBLEM_MEDIA_TYPE, Page, Problem};
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, LOCATION},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use url::Url;

pub(crate) use access::MasterArguments;
pub(crate) use error::MasterError;
#[cfg(test)]
pub(crate) use tests::serve;

use crate::listing::Format;

/// The arguments of every command that talks to a master.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    #[command(flatten)]
    arguments: MasterArguments,
    /// How to print answers.
    #[arg(long, value_enum, default_value = "table", global = true)]
    pub(crate) format: Format,
}

impl Remote {
    /// Makes a client of the given master.
    pub(crate) fn master(&self) -> anyhow::Result<Master> {
        Master::new(&self.arguments)
    }
}

/// The time limit for connecting to a master. A master that is available accepts within a fraction of this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of characters shown of an answer that is not from a master.
const EXCERPT_CHARS: usize = 120;

/// A client of one master.
#[derive(Debug, Clone)]
pub(crate) struct Master {
    base: Url,
    http: Client,
    token: Option<reqwest::header::HeaderValue>,
    timeout: Duration,
}

impl Master {
    /// Makes a client. Nothing is sent yet.
    pub(crate) fn new(arguments: &MasterArguments) -> anyhow::Result<Self> {
        let base = arguments.base()?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // The call fails only if a provider is already installed, so the result is ignored.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("easysight/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected POST would become a GET.
            .redirect(Policy::none());
        if let Some(authorities) = arguments.authorities()? {
            builder = builder.tls_certs_only(authorities);
        } else if base.scheme() == "http" {
            // Without TLS, the machine's certificates are not read, so they may be missing.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build()?;
        Ok(Self { base, http, token: arguments.token()?, timeout: arguments.timeout() })
    }

    /// Makes a request to `/api/v1/<path>`. Each part of the path becomes one segment, even if it contains a
    /// slash.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, MasterError> {
        let request = self.http.request(method, self.url(path)?).timeout(self.timeout);
        Ok(match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        })
    }

    /// Reads the resource at this path.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, MasterError> {
        self.answer(self.request(Method::GET, path)?).await
    }

    /// Reads a list, page by page, up to this many items.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        at_most: usize,
    ) -> Result<Vec<T>, MasterError> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut request = self.request(Method::GET, path)?.query(query);
            if let Some(after) = &after {
                request = request.query(&[("after", after)]);
            }
            let page: Page<T> = self.answer(request).await?;
            items.extend(page.items);
            if items.len() >= at_most || page.next.is_none() {
                items.truncate(at_most);
                return Ok(items);
            }
            if page.next == after {
                return Err(MasterError::Endless { url: self.base.to_string() });
            }
            after = page.next;
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, MasterError> {
        Ok(self.status_and_answer(request).await?.1)
    }

    /// Sends a request and reads the status and the answer. This method is for requests that can succeed with more than
    /// one status.
    pub(crate) async fn status_and_answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, T), MasterError> {
        let response = self.send(request).await?;
        let (status, url) = (response.status(), response.url().to_string());
        let body = response.bytes().await.map_err(|error| self.failed(&error))?;
        match serde_json::from_slice(&body) {
            Ok(value) => Ok((status, value)),
            Err(error) => Err(MasterError::Strange {
                url,
                status: status.as_u16(),
                text: format!("{error} in {}", excerpt(&body)),
            }),
        }
    }

    /// Sends a request without reading the body of the answer.
    pub(crate) async fn done(&self, request: RequestBuilder) -> Result<(), MasterError> {
        self.send(request).await.map(drop)
    }

    /// Sends a request and writes the body of the answer as it arrives.
    pub(crate) async fn copy(&self, request: RequestBuilder, out: &mut impl Write) -> anyhow::Result<()> {
        let mut response = self.send(request).await?;
        while let Some(bytes) = response.chunk().await.map_err(|error| self.failed(&error))? {
            out.write_all(&bytes).context("the answer cannot be written")?;
        }
        out.flush().context("the answer cannot be written")
    }

    /// Sends a request. An answer whose status is not a success becomes an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, MasterError> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().to_string();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            return Err(MasterError::Redirected { url, to: to.to_owned() });
        }
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(PROBLEM_MEDIA_TYPE.as_bytes()));
        let body = response.bytes().await.map_err(|error| self.failed(&error))?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if is_problem => Err(MasterError::Refused(Box::new(problem))),
            _ => Err(MasterError::Strange { url, status: status.as_u16(), text: excerpt(&body) }),
        }
    }

    fn url(&self, path: &[&str]) -> Result<Url, MasterError> {
        // A URL drops such parts, so the request would go to another path.
        if let Some(part) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(MasterError::NoId((*part).to_owned()));
        }
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        Ok(url)
    }

    fn failed(&self, error: &reqwest::Error) -> MasterError {
        let url = self.base.to_string();
        let reason = root_cause(error);
        if error.is_connect() {
            MasterError::Unreachable { url, reason }
        } else if error.is_timeout() {
            MasterError::Silent { url }
        } else {
            MasterError::BrokenOff { url, reason }
        }
    }
}

/// Returns the innermost cause of an error. The outer errors only report that something failed.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        "the body is empty".to_owned()
    } else {
        words.chars().take(EXCERPT_CHARS).collect()
    }
}
