//! Requests and answers of RTSP, as a camera reads and writes them.

use std::time::Duration;

use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf, time::timeout};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Such as `SETUP`.
    pub method: String,
    /// The address as it was asked for.
    pub uri: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// How many requests of this method came to this camera before.
    pub before: u32,
    /// The camera's own address, host and port.
    pub own: String,
}

impl Request {
    /// The value of a header; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Number and words.
    pub status: String,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// What follows them.
    pub body: String,
    /// What ends a line.
    pub line_end: &'static str,
    /// Bytes before it.
    pub before: Vec<u8>,
    /// It is never sent.
    pub silent: bool,
    /// The connection is closed: before it where it is silent, behind it otherwise.
    pub closes: bool,
    /// Time until it is sent.
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

    /// Refuses.
    pub fn refuse(&mut self, status: &str) {
        *self = Self { headers: self.headers.iter().take(1).cloned().collect(), ..Self::of(status) };
    }

    /// Sets a header, or leaves it out.
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

/// The next request; packets of reports are passed over.
pub(super) async fn read(stream: &mut OwnedReadHalf) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // One who asks nothing for so long is gone.
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
