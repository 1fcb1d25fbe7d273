//! A master, as this program talks to it: where it is, who asks, and one way to send a request and
//! to read its answer. What is asked for is left to the commands.

mod access;
mod error;
#[cfg(test)]
mod tests;

use std::{error::Error, time::Duration};

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

/// What every command that talks to a master takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    #[command(flatten)]
    arguments: MasterArguments,
    /// How to print answers.
    #[arg(long, value_enum, default_value = "table", global = true)]
    pub(crate) format: Format,
}

impl Remote {
    /// The master that was named.
    pub(crate) fn master(&self) -> anyhow::Result<Master> {
        Master::new(&self.arguments)
    }
}

/// Time to reach a master; those that are there answer within a fraction.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes shown of an answer that is none of a master's.
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
    /// A client; nothing is sent yet.
    pub(crate) fn new(arguments: &MasterArguments) -> anyhow::Result<Self> {
        let base = arguments.base()?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // It fails only where another thread was first, which serves as well.
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
            // Without TLS the machine's certificates need be neither there nor read.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build()?;
        Ok(Self { base, http, token: arguments.token()?, timeout: arguments.timeout() })
    }

    /// A request to `/api/v1/<path>`; each part of the path is one segment, whatever is in it.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, MasterError> {
        let request = self.http.request(method, self.url(path)?).timeout(self.timeout);
        Ok(match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        })
    }

    /// Reads what is at this path.
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

    /// The same, with the status, where success has more than one.
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

    /// Sends a request whose answer says no more than that it was done.
    pub(crate) async fn done(&self, request: RequestBuilder) -> Result<(), MasterError> {
        self.send(request).await.map(drop)
    }

    /// Sends a request; an answer that is no success becomes an error.
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
        // These would not become a segment, and the request would go elsewhere.
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

/// What lies at the bottom of an error: the layers above say little more than that there is one.
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
    if words.is_empty() { "no text".to_owned() } else { words.chars().take(EXCERPT_CHARS).collect() }
}
