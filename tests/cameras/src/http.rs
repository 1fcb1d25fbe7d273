//! A camera's web server: a plain one, whose habits say what it does otherwise.

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
    /// Path and query.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: String,
    /// The value of `Range`.
    pub range: String,
    /// How many requests came before.
    pub before: u32,
    /// The camera's own address, host and port.
    pub own: String,
}

/// What is sent: parts, each after a pause.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status, such as `200 OK`.
    pub status: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// What follows.
    pub body: Vec<u8>,
    /// The body is sent in pieces with their lengths.
    pub chunked: bool,
    /// Nothing is sent.
    pub silent: bool,
    /// The connection stays open behind it.
    pub stays_open: bool,
    /// Parts that follow, again and again, at so many a second.
    pub motion: Option<(Vec<Vec<u8>>, f64)>,
    /// After so many parts nothing comes for so long.
    pub pause: (u64, Duration),
}

impl Answer {
    /// A whole answer.
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

    /// Sends on.
    #[must_use]
    pub fn to(address: &str) -> Self {
        let mut answer = Self::of("302 Found", "text/plain", Vec::new());
        answer.headers.push(("Location".to_owned(), address.to_owned()));
        answer
    }

    /// Sets a header, or leaves it out.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// Asks who is there.
    #[must_use]
    pub fn asking(ways: &[Way]) -> Self {
        let mut answer = Self::of("401 Unauthorized", "text/plain", b"no".to_vec());
        answer
            .headers
            .extend(ways.iter().map(|way| ("WWW-Authenticate".to_owned(), way.challenge().to_owned())));
        answer
    }

    /// Motion JPEG: a head, then these parts at so many a second.
    #[must_use]
    pub fn motion(content_type: &str, parts: Vec<Vec<u8>>, rate: f64) -> Self {
        let answer = Self::of("200 OK", content_type, Vec::new()).with("Content-Length", None);
        Self { motion: Some((parts, rate)), ..answer }
    }
}

/// What it answers.
pub type Habit = fn(&Request, &Media) -> Answer;

/// Serves until the listener is dropped with the future.
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
                // Whoever is gone needs no answer.
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
