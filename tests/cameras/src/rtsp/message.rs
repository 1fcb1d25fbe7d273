//! Requests and answers of RTSP, for the camera's side.

use std::time::Duration;

use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf, time::timeout};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method, such as `SETUP`.
    pub method: String,
    /// The address in the request.
    pub uri: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The number of earlier requests with this method to this camera.
    pub before: u32,
    /// The camera's own address: host and port.
    pub own: String,
}

impl Request {
    /// Returns the value of a header, or an empty string if there is no such header.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status number and its words.
    pub status: String,
    /// The headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The line end.
    pub line_end: &'static str,
    /// Bytes that are sent before the answer.
    pub before: Vec<u8>,
    /// True if the answer is never sent.
    pub silent: bool,
    /// True if the connection is closed: after the answer, or without one if the answer is silent.
    pub closes: bool,
    /// The delay before the answer is sent.
    pub late: Duration,
}

impl Answer {
    pub(super) fn of(status: &str) -> Self {
        Self {
            status: status.to_owned(),
            headers: Vec::new(),
            body: String::new(),
            line_end: "\r\n",
            before: Vec::new(),
            silent: false,
            closes: false,
            late: Duration::ZERO,
        }
    }

    /// Turns the answer into a refusal.
    pub fn refuse(&mut self, status: &str) {
        *self = Self { headers: self.headers.iter().take(1).cloned().collect(), ..Self::of(status) };
    }

    /// Sets a header, or removes it if the value is None.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.before.clone();
        let end = self.line_end;
        bytes.extend(format!("RTSP/1.0 {}{end}", self.status).bytes());
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}{end}").bytes());
        }
        bytes.extend(end.bytes());
        bytes.extend(self.body.bytes());
        bytes
    }
}

/// Reads the next request.
pub(super) async fn read(stream: &mut OwnedReadHalf) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // A client that sends no request within this time is treated as gone.
        head.push(timeout(Duration::from_secs(120), stream.read_u8()).await.ok()?.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, uri) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request { method, uri, headers, ..Request::default() })
}
