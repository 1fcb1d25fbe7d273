//! The web server of a plain camera. A habit changes its answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep_until,
};

use crate::{auth::Way, media::Media};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The path and the query.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: String,
    /// The value of `Range`.
    pub range: String,
    /// The number of earlier requests.
    pub before: u32,
    /// The camera's own address: host and port.
    pub own: String,
}

/// An answer. Parts may follow its body at a fixed rate.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status, such as `200 OK`.
    pub status: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// True if the body is sent in chunks with their lengths.
    pub chunked: bool,
    /// True if nothing is sent.
    pub silent: bool,
    /// True if the connection stays open after the answer.
    pub stays_open: bool,
    /// The parts that are sent repeatedly after the body, and the number of parts per second.
    pub motion: Option<(Vec<Vec<u8>>, f64)>,
    /// A pause: the number of parts before it, and its length.
    pub pause: (u64, Duration),
}

impl Answer {
    /// Makes a complete answer.
    #[must_use]
    pub fn of(status: &str, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![
            ("Content-Type".to_owned(), content_type.to_owned()),
            ("Content-Length".to_owned(), body.len().to_string()),
        ];
        Self {
            status: status.to_owned(),
            headers,
            body,
            pause: (u64::MAX, Duration::ZERO),
            ..Self::default()
        }
    }

    /// Makes a redirect.
    #[must_use]
    pub fn to(address: &str) -> Self {
        let mut answer = Self::of("302 Found", "text/plain", Vec::new());
        answer.headers.push(("Location".to_owned(), address.to_owned()));
        answer
    }

    /// Sets a header, or removes it if the value is None.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// Makes an answer that requires authentication.
    #[must_use]
    pub fn asking(ways: &[Way]) -> Self {
        let mut answer = Self::of("401 Unauthorized", "text/plain", b"no".to_vec());
        answer
            .headers
            .extend(ways.iter().map(|way| ("WWW-Authenticate".to_owned(), way.challenge().to_owned())));
        answer
    }

    /// Makes a Motion JPEG answer: a head, then these parts, at `rate` parts per second.
    #[must_use]
    pub fn motion(content_type: &str, parts: Vec<Vec<u8>>, rate: f64) -> Self {
        let answer = Self::of("200 OK", content_type, Vec::new()).with("Content-Length", None);
        Self { motion: Some((parts, rate)), ..answer }
    }
}

/// Returns the camera's answer to a request.
pub type Habit = fn(&Request, &Media) -> Answer;

/// Serves until the future is dropped with the listener.
pub(crate) async fn serve(listener: TcpListener, media: Arc<Media>, habit: Habit) {
    let Ok(own) = listener.local_addr() else { return };
    let count = Arc::new(AtomicU32::new(0));
    let mut clients = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (media, count) = (Arc::clone(&media), Arc::clone(&count));
        clients.spawn(async move {
            let mut stream = stream;
            if let Some(mut request) = read(&mut stream).await {
                request.before = count.fetch_add(1, Ordering::Relaxed);
                request.own = own.to_string();
                // If the client is gone, no answer is needed.
                answer(stream, habit(&request, &media)).await;
            }
        });
    }
}

async fn answer(mut stream: TcpStream, answer: Answer) -> Option<()> {
    if answer.silent {
        if answer.stays_open {
            std::future::pending::<()>().await;
        }
        return Some(());
    }
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let piece = |bytes: &[u8]| {
        if answer.chunked {
            [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
        } else {
            bytes.to_vec()
        }
    };
    for part in answer.body.chunks(1_000) {
        stream.write_all(&piece(part)).await.ok()?;
    }
    if let Some((parts, rate)) = &answer.motion {
        let begun = Instant::now();
        let mut paused = Duration::ZERO;
        for (n, part) in (0_u64..).zip(parts.iter().cycle()) {
            if n == answer.pause.0 {
                paused = answer.pause.1;
            }
            sleep_until((begun + Duration::from_secs_f64(n as f64 / rate) + paused).into()).await;
            stream.write_all(&piece(part)).await.ok()?;
        }
    }
    if answer.chunked {
        stream.write_all(b"0\r\n\r\n").await.ok()?;
    }
    if answer.stays_open {
        std::future::pending::<()>().await;
    }
    Some(())
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request {
        path,
        authorization: header("authorization"),
        range: header("range"),
        ..Request::default()
    })
}
