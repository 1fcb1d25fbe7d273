//! A connection to a camera: requests, answers, and the packets between them.

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use url::Url;

use super::message::{Answer, Garbage, Message, Parser, quoted};
use crate::{
    auth::{Authorization, ways},
    capture::CaptureConfig,
    error::{CaptureErrorKind as Kind, Failure, is_of_this_machine},
    journal::{Journal, StepKind, headers},
};

/// The name of this program in requests.
const USER_AGENT: &str = concat!("EasySight/", env!("CARGO_PKG_VERSION"));
/// The default port.
const PORT: u16 = 554;
/// The largest number of authentication challenges that are answered for one request.
const MAX_ATTEMPTS: usize = 4;
/// A time longer than any capture.
const LONG: Duration = Duration::from_hours(24);
/// The largest number of messages that are stored while an answer is awaited.
const MAX_EARLY: usize = 200;

/// Why a connection broke.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The camera closed the connection.
    Closed,
    /// The camera or the network broke the connection.
    Torn(io::Error),
    /// Nothing arrived within the time for which a camera may be silent.
    Silent,
    /// The deadline has passed. This many bytes of a message have arrived.
    Late(usize),
    /// The data is not RTSP.
    Garbage(String),
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    address: (String, u16),
    stream: TcpStream,
    buffer: BytesMut,
    parser: Parser,
    /// Messages that arrived before the awaited answer.
    early: VecDeque<Message>,
    number: u32,
    patience: Duration,
    late: Instant,
    journal: Journal,
}

impl Connection {
    /// Connects to the host of an address.
    pub(crate) async fn open(url: &Url, config: &CaptureConfig, late: Instant) -> Result<Self, Failure> {
        let CaptureConfig { connect_timeout: patience, journal, .. } = config;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let address = (host.to_owned(), url.port().unwrap_or(PORT));
        let stream = connected(&address, *patience, late, journal).await?;
        let buffer = BytesMut::with_capacity(64 << 10);
        Ok(Self {
            address,
            stream,
            buffer,
            parser: Parser::default(),
            early: VecDeque::new(),
            number: 0,
            patience: *patience,
            late,
            journal: journal.clone(),
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Returns the next message.
    pub(crate) async fn message(&mut self) -> Result<Message, Broken> {
        match self.early.pop_front() {
            Some(message) => Ok(message),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> Result<Message, Broken> {
        loop {
            match self.parser.next(&mut self.buffer) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(Garbage(text)) => return Err(Broken::Garbage(text)),
            }
            let until = self.late.min(Instant::now() + self.patience);
            match timeout_at(until, self.stream.read_buf(&mut self.buffer)).await {
                // The camera closed the connection, and the bytes that it sent form no message: the data is not RTSP.
                Ok(Ok(0)) if !self.parser.playing && !self.buffer.is_empty() => {
                    return Err(Broken::Garbage(quoted(&self.buffer)));
                }
                Ok(Ok(0)) => return Err(Broken::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(Broken::Torn(error)),
                Err(_) if until == self.late => return Err(Broken::Late(self.buffer.len())),
                Err(_) => return Err(Broken::Silent),
            }
        }
    }

    /// Sends a request, authenticates if the camera requires it, and returns the answer with any status.
    pub(crate) async fn ask(
        &mut self,
        method: &'static str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: &mut Authorization,
    ) -> Result<Answer, Failure> {
        let mut asked_back = false;
        for _ in 0..MAX_ATTEMPTS {
            let value = authorization.value(method, uri);
            let mut answer = self.exchange(method, uri, headers, value.as_deref()).await;
            self.tell(method, uri, headers, value.as_deref(), &answer);
            // Some cameras close the connection after an authentication challenge.
            if asked_back && matches!(answer, Err(Broken::Closed | Broken::Torn(_))) {
                self.reconnect().await?;
                answer = self.exchange(method, uri, headers, value.as_deref()).await;
                self.tell(method, uri, headers, value.as_deref(), &answer);
            }
            let answer = answer.map_err(|why| broken(&why, method))?;
            asked_back = answer.status == 401;
            if answer.status != 401 || !authorization.asked(answer.headers("www-authenticate")) {
                if (200..300).contains(&answer.status) {
                    authorization.accepted();
                }
                return Ok(answer);
            }
        }
        Err(Failure::new(Kind::Unauthorized, format!("{method}: the camera keeps requesting authentication")))
    }

    /// Records a request and its answer in the journal.
    fn tell(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
        answer: &Result<Answer, Broken>,
    ) {
        if self.journal.listens() {
            let transport = headers.iter().find(|(name, _)| *name == "Transport");
            let transport = transport.map_or_else(String::new, |(_, value)| format!(" {value}"));
            let answer = answer.as_ref().map_or_else(|why| broken(why, method).detail, told);
            self.journal.write_request(&format!("{method} {uri}{transport}"), authorization, answer);
        }
    }

    async fn exchange(
        &mut self,
        method: &'static str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Answer, Broken> {
        let number = self.send(method, uri, headers, authorization).await.map_err(Broken::Torn)?;
        self.answer(number).await
    }

    async fn reconnect(&mut self) -> Result<(), Failure> {
        self.stream = connected(&self.address, self.patience, self.late, &self.journal).await?;
        self.buffer.clear();
        Ok(())
    }

    /// Waits for the answer to a request. Some cameras do not number their answers, or number all answers 0.
    async fn answer(&mut self, number: u32) -> Result<Answer, Broken> {
        while self.early.len() < MAX_EARLY {
            let answer = match self.receive().await? {
                Message::Answer(answer) => answer,
                other => {
                    self.early.push_back(other);
                    continue;
                }
            };
            let its = answer.header("cseq").and_then(|number| number.parse::<u32>().ok());
            // An answer with a lower number is a late answer to an earlier request.
            if its.is_none_or(|its| its >= number || its == 0) && answer.status >= 200 {
                return Ok(answer);
            }
        }
        // A camera that sends packets plays the stream, even if it does not answer the request.
        if self.parser.playing {
            return Ok(Answer {
                status: 200,
                reason: String::new(),
                headers: Vec::new(),
                body: Bytes::new(),
            });
        }
        Err(Broken::Garbage("packets without an answer".into()))
    }

    /// Sends a request without waiting for the answer. Returns the number of the request.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> io::Result<u32> {
        self.number += 1;
        let request = self.request(method, uri, headers, authorization);
        let written = timeout(self.patience, self.stream.write_all(request.as_bytes())).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(self.number)
    }

    /// Sends a last request without waiting. The request is dropped if the system does not accept it at once.
    pub(crate) fn send_off(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
    ) {
        self.number += 1;
        let request = self.request(method, uri, headers, authorization);
        if let Err(error) = self.stream.try_write(request.as_bytes()) {
            tracing::debug!(%error, method, "the last request cannot be sent");
        }
    }

    fn request(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> String {
        let mut request =
            format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: {USER_AGENT}\r\n", self.number);
        let authorization = authorization.map(|value| ("Authorization", value));
        for (name, value) in headers.iter().copied().chain(authorization) {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request + "\r\n"
    }

    /// Expects packets from now on.
    pub(crate) const fn play(&mut self) {
        self.parser.playing = true;
    }

    /// Stops enforcing the deadline here. From now on, the code that reads the decoder's output enforces it.
    pub(crate) fn unhurried(&mut self) {
        self.late = Instant::now() + LONG;
    }
}

/// Lists addresses as text.
fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    addresses.join(", ")
}

/// Summarises the status and the headers of an answer for the journal.
fn told(answer: &Answer) -> String {
    const TELLING: &[&str] =
        &["Server", "Content-Type", "Content-Base", "Content-Location", "Location", "Transport", "Session"];
    let ways = if answer.status == 401 { ways(answer.headers("www-authenticate")) } else { String::new() };
    let headers = headers(TELLING, |name| answer.header(name).map(Into::into));
    format!("{}{ways}{headers}", answer.status_line())
}

async fn connected(
    (host, port): &(String, u16),
    patience: Duration,
    late: Instant,
    journal: &Journal,
) -> Result<TcpStream, Failure> {
    let until = late.min(Instant::now() + patience);
    let too_late = |what: &str| {
        let detail = format!("no {what} after {} s", patience.as_secs_f64());
        Failure::new(Kind::ConnectTimedOut, detail)
    };
    let found = match timeout_at(until, lookup_host((host.as_str(), *port))).await {
        Ok(found) => found.map_err(|error| unreachable(&error)),
        Err(_) => Err(too_late("address of the host")),
    };
    let found = found.map_err(|failure| journal.failed(StepKind::Resolve, host, failure))?;
    let addresses: Vec<_> = found.collect();
    journal.write(StepKind::Resolve, || (host.to_owned(), listed(&addresses)));
    let connected = match timeout_at(until, TcpStream::connect(&*addresses)).await {
        Ok(connected) => connected.map_err(|error| unreachable(&error)),
        Err(_) => Err(too_late("connection")),
    };
    let asked = format!("port {port}");
    let stream = connected.map_err(|failure| journal.failed(StepKind::Connect, &asked, failure))?;
    journal.write(StepKind::Connect, || {
        (asked, stream.peer_addr().map_or_else(|error| error.to_string(), |peer| peer.to_string()))
    });
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set; requests may be delayed");
    }
    Ok(stream)
}

/// Returns the reason why no connection could be made.
pub(crate) fn unreachable(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        _ if is_of_this_machine(error) => Kind::FfmpegFailed,
        io::ErrorKind::ConnectionRefused => Kind::ConnectionRefused,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Kind::HostUnreachable,
        io::ErrorKind::TimedOut => Kind::ConnectTimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Kind::HungUp,
        // The system has no error number for a failed name resolution.
        _ if error.raw_os_error().is_none() => Kind::NoSuchHost,
        _ => Kind::HostUnreachable,
    };
    Failure::new(kind, error.to_string())
}

/// Returns the reason why a request has no answer.
pub(crate) fn broken(why: &Broken, method: &str) -> Failure {
    match why {
        Broken::Closed => Failure::new(Kind::HungUp, format!("{method}: the camera closed the connection")),
        Broken::Torn(error) => {
            Failure::new(Kind::HungUp, format!("{method}: the connection was torn down: {error}"))
        }
        Broken::Silent => Failure::new(Kind::ConnectTimedOut, format!("{method}: no answer")),
        Broken::Late(bytes) => Failure::new(
            Kind::ConnectTimedOut,
            format!("{method}: only {bytes} bytes of the answer arrived in time"),
        ),
        Broken::Garbage(text) => {
            Failure::new(Kind::NotMedia, format!("{method}: the answer is not RTSP: {text:?}"))
        }
    }
}
