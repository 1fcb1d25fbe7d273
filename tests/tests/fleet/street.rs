//! A street of cameras in one process: good ones, and bad ones of every kind that occurs in the field.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a server does after a request.
#[derive(Debug, Clone)]
pub(crate) enum Habit {
    /// Sends these bytes and closes the connection.
    Answers(Vec<u8>),
    /// Sends nothing.
    Silent,
    /// Sends these bytes, one per second, without end.
    Trickles(&'static [u8]),
    /// Sends the first bytes once, and then repeats the second ones without end.
    Floods(&'static [u8], Vec<u8>),
    /// Sends these bytes, and nothing after them.
    Stops(Vec<u8>),
    /// Starts an RTSP session like other cameras, and then sends packets of noise.
    Noise,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    pub(crate) async fn start(habit: Habit) -> Self {
        Self::start_at("127.0.0.1:0", habit).await
    }

    pub(crate) async fn start_at(address: &str, habit: Habit) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, habit) = (Arc::new(AtomicU64::new(0)), Arc::new(habit));
        let counted = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&habit), Arc::clone(&counted)));
            }
        });
        Self { address, asked, serving }
    }

    /// Returns the number of requests.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn converse(mut stream: TcpStream, habit: Arc<Habit>, asked: Arc<AtomicU64>) {
    // A client that only connects sends no request.
    let Some(request) = head(&mut stream).await else { return };
    asked.fetch_add(1, Ordering::Relaxed);
    // An error means that the client is gone, which is ignored.
    let done = match &*habit {
        Habit::Answers(answer) => stream.write_all(answer).await,
        Habit::Silent => Ok(()),
        Habit::Trickles(bytes) => trickle(&mut stream, bytes).await,
        Habit::Floods(begin, more) => flood(&mut stream, begin, more).await,
        Habit::Stops(bytes) => stream.write_all(bytes).await,
        Habit::Noise => noise(&mut stream, request).await,
    };
    if done.is_ok() && !matches!(*habit, Habit::Answers(_)) {
        // The connection stays open until the client closes it.
        while head(&mut stream).await.is_some() {}
    }
}

/// Reads the next request up to its empty line.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(request).ok()
}

async fn trickle(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes.iter().chain(std::iter::repeat(&b' ')) {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn flood(stream: &mut TcpStream, begin: &[u8], more: &[u8]) -> std::io::Result<()> {
    stream.write_all(begin).await?;
    loop {
        stream.write_all(more).await?;
        tokio::task::yield_now().await;
    }
}

async fn noise(stream: &mut TcpStream, first: String) -> std::io::Result<()> {
    let mut request = first;
    loop {
        let sequence = request.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or("0").to_owned();
        let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";
        let (extra, body) = match request.split(' ').next() {
            Some("DESCRIBE") => ("", sdp),
            Some("SETUP") => ("Session: 7\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n", ""),
            _ => ("Session: 7\r\n", ""),
        };
        let answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        if request.starts_with("PLAY") {
            break;
        }
        match head(stream).await {
            Some(next) => request = next,
            None => return Ok(()),
        }
    }
    let mut number = 0_u16;
    loop {
        let noise: Vec<u8> = (0..400_u32).map(|n| ((n * 197 + u32::from(number) * 31) >> 3) as u8).collect();
        let length = u16::try_from(noise.len() + 12).unwrap().to_be_bytes();
        let [high, low] = number.to_be_bytes();
        let packet = [&[b'$', 0, length[0], length[1], 0x80, 96, high, low][..], &[0; 8], &noise].concat();
        stream.write_all(&packet).await?;
        number = number.wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes an HTTP response.
pub(crate) fn http(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A bad camera: its name, habit and source, and the permitted reasons for the missing picture. A result must name
/// one of these reasons.
pub(crate) struct Bad {
    pub(crate) name: &'static str,
    pub(crate) habit: Option<Habit>,
    pub(crate) source: &'static str,
    pub(crate) reasons: &'static [&'static str],
}

/// Returns one bad camera of each kind.
pub(crate) fn bad_kinds() -> Vec<Bad> {
    let rtsp = |status: &str| {
        Habit::Stops(format!("RTSP/1.0 {status}\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n").into_bytes())
    };
    let page = |status: &str| Habit::Answers(http(status, "text/html", b"<html>no</html>"));
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
    let deaf = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    let junk = (0..65_536_u32).map(|n| (n.wrapping_mul(2_654_435) >> 5) as u8).collect::<Vec<_>>();
    let bad = |name, habit, source, reasons| Bad { name, habit: Some(habit), source, reasons };
    let gone = |name, source, reasons| Bad { name, habit: None, source, reasons };
    let (at, web) = ("rtsp://{}/live", "http://{}/picture.jpg");
    vec![
        bad("silent", Habit::Silent, at, &["connect-timed-out"]),
        bad("silent-web", Habit::Silent, web, &["connect-timed-out"]),
        bad("trickle", Habit::Trickles(b"RTSP/1.0 200 OK\r\n"), at, &["connect-timed-out"]),
        bad("trickle-web", Habit::Trickles(b"HTTP/1.1 200 OK\r\n"), web, &["connect-timed-out", "not-media"]),
        bad("hangs-up", Habit::Answers(Vec::new()), at, &["hung-up"]),
        bad("hangs-up-web", Habit::Answers(Vec::new()), web, &["hung-up"]),
        bad("password", rtsp("401 Unauthorized"), at, &["unauthorized"]),
        bad("forbidden", rtsp("403 Forbidden"), at, &["forbidden"]),
        bad("unknown", rtsp("404 Not Found"), at, &["not-found"]),
        bad("busy", rtsp("453 Not Enough Bandwidth"), at, &["server-error"]),
        bad("password-web", page("401 Unauthorized"), web, &["unauthorized"]),
        bad("broken-web", page("503 Service Unavailable"), web, &["server-error"]),
        bad("page", page("200 OK"), web, &["not-media"]),
        bad("babbles", Habit::Floods(b"", junk.clone()), at, &["not-media"]),
        bad("flood", Habit::Floods(b"HTTP/1.1 200 OK\r\n\r\n", junk), web, &["not-media"]),
        bad(
            "headers",
            Habit::Floods(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n".repeat(64)),
            web,
            &["not-media", "hung-up"],
        ),
        bad(
            "huge",
            Habit::Stops(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n\xff\xd8\xff".to_vec()),
            web,
            &["stalled", "connect-timed-out"],
        ),
        bad(
            "sends-on",
            Habit::Answers(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n".to_vec()),
            web,
            &["server-error"],
        ),
        bad("deaf", Habit::Stops(deaf.into_bytes()), at, &["no-video"]),
        bad("noise", Habit::Noise, at, &["no-keyframe", "nothing-decodes", "stalled"]),
        gone("no-name", "rtsp://no-such-camera.invalid/live", &["no-such-host"]),
        gone("closed", "rtsp://127.0.0.1:9/live", &["connection-refused"]),
        gone(
            "no-way",
            "rtsp://192.0.2.1/live",
            &["connect-timed-out", "host-unreachable", "connection-refused"],
        ),
    ]
}
