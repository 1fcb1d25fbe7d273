//! A small RTSP camera with the habits that a test specifies.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
    task::JoinHandle,
};

/// Returns the timestamp of a picture from its number.
pub(crate) type Stamp = fn(u64) -> u32;

/// The habits of a camera. A test changes single habits.
#[derive(Clone)]
pub(crate) struct Habits {
    /// Pictures per second.
    pub(crate) rate: f64,
    /// The timestamps of the camera's clock.
    pub(crate) stamp: Stamp,
    /// The method at which the camera closes the connection.
    pub(crate) hangs_up_at: &'static str,
    /// The answers to methods that the camera refuses.
    pub(crate) refuses: &'static [(&'static str, &'static str)],
    /// The answer to a request for video over TCP, if the camera refuses TCP.
    pub(crate) refuses_tcp: Option<&'static str>,
    /// The number of pictures after which nothing more is sent.
    pub(crate) pictures: u64,
    /// The interval of lost packets: 37 means that every 37th packet is lost. Zero if no packet is lost.
    pub(crate) loses: u64,
    /// The number of pictures before the first keyframe.
    pub(crate) late_key: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            rate: 25.0,
            stamp: |n| (n * 3_600) as u32,
            hangs_up_at: "",
            refuses: &[],
            refuses_tcp: None,
            pictures: u64::MAX,
            loses: 0,
            late_key: 0,
        }
    }
}

/// A camera that runs until it is dropped.
pub(crate) struct Camera {
    pub(crate) url: String,
    /// The first line of each request.
    pub(crate) asked: mpsc::UnboundedReceiver<String>,
    serving: JoinHandle<()>,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The units of a picture, and true if the picture is a keyframe.
type Picture = (Vec<Vec<u8>>, bool);

impl Camera {
    /// Starts a camera that plays `h264`, a stream with start codes, again and again.
    pub(crate) async fn start(h264: &[u8], habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
        let pictures = Arc::new(pictures(h264));
        let (tell, asked) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&pictures), habits.clone(), tell.clone()));
            }
        });
        Self { url, asked, serving }
    }
}

fn pictures(h264: &[u8]) -> Vec<Picture> {
    let mut begins: Vec<_> = (0..h264.len() - 3).filter(|at| h264[*at..].starts_with(&[0, 0, 1])).collect();
    begins.push(h264.len());
    let mut pictures: Vec<Picture> = Vec::new();
    let mut begun = false;
    for two in begins.windows(2) {
        let end = if two[1] < h264.len() && h264[two[1] - 1] == 0 { two[1] - 1 } else { two[1] };
        let unit = h264[two[0] + 3..end].to_vec();
        let kind = unit[0] & 31;
        // The first bit of a picture's first slice is 1.
        let another = if matches!(kind, 1 | 5) { unit[1] & 0x80 != 0 } else { true };
        if pictures.is_empty() || (begun && another) {
            pictures.push((Vec::new(), false));
            begun = false;
        }
        let picture = pictures.last_mut().unwrap();
        begun |= matches!(kind, 1 | 5);
        picture.1 |= kind == 5;
        picture.0.push(unit);
    }
    pictures
}

async fn converse(
    mut stream: TcpStream,
    pictures: Arc<Vec<Picture>>,
    habits: Habits,
    tell: mpsc::UnboundedSender<String>,
) {
    let mut socket = None;
    // Cameras send the end of a picture without delay.
    stream.set_nodelay(true).unwrap();
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            request.push(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let method = request.split(' ').next().unwrap().to_owned();
        let header =
            |name: &str| request.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        drop(tell.send(request.lines().next().unwrap().to_owned()));
        if method == habits.hangs_up_at {
            return;
        }
        let refused = habits.refuses.iter().find(|(own, _)| *own == method).map(|(_, answer)| *answer);
        let transport = header("Transport: ");
        let refused = if transport.contains("TCP") { habits.refuses_tcp.or(refused) } else { refused };
        let (status, extra, body) = match (refused, method.as_str()) {
            (Some(refused), _) => (refused, String::new(), ""),
            (None, "DESCRIBE") => (
                "200 OK",
                "Content-Base: rtsp://camera.example/live/\r\n".to_owned(),
                "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n",
            ),
            (None, "SETUP") if transport.contains("TCP") => (
                "200 OK",
                "Session: 7;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n".to_owned(),
                "",
            ),
            (None, "SETUP") => {
                let port: u16 = transport
                    .split("client_port=")
                    .nth(1)
                    .unwrap()
                    .split('-')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                let own = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                own.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
                let server = own.local_addr().unwrap().port();
                socket = Some(own);
                let ports = format!("client_port={port}-{};server_port={server}-{}", port + 1, server + 1);
                ("200 OK", format!("Session: 7\r\nTransport: RTP/AVP;unicast;{ports}\r\n"), "")
            }
            _ => ("200 OK", "Session: 7\r\n".to_owned(), ""),
        };
        let number = header("CSeq: ");
        let length = body.len();
        let answer =
            format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n{extra}Content-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if method == "PLAY" && refused.is_none() {
            return play(stream, socket, &pictures, &habits).await;
        }
    }
}

async fn play(mut stream: TcpStream, socket: Option<UdpSocket>, pictures: &[Picture], habits: &Habits) {
    let begun = Instant::now();
    let mut number = 0_u16;
    let mut sent = 0;
    for (n, (units, key)) in (0..habits.pictures).zip(pictures.iter().cycle()) {
        let at = begun + Duration::from_secs_f64(n as f64 / habits.rate);
        tokio::time::sleep_until(at.into()).await;
        if *key && n < habits.late_key {
            continue;
        }
        for (index, unit) in units.iter().enumerate() {
            for (payload, last) in payloads(unit) {
                let marker = last && index + 1 == units.len();
                let stamp = (habits.stamp)(n).to_be_bytes();
                let second = 96 | if marker { 0x80 } else { 0 };
                let packet = [&[0x80, second][..], &number.to_be_bytes(), &stamp, b"cam1", &payload].concat();
                number = number.wrapping_add(1);
                sent += 1;
                if habits.loses > 0 && sent % habits.loses == 0 {
                    continue;
                }
                let gone = match &socket {
                    Some(socket) => socket.send(&packet).await.is_err(),
                    None => {
                        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
                        stream.write_all(&[&[b'$', 0][..], &length, &packet].concat()).await.is_err()
                    }
                };
                if gone {
                    return;
                }
            }
        }
    }
    // Waits until the client gives up.
    let mut byte = [0];
    while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {}
}

/// Returns the packets for a unit: the unchanged unit if it is short, otherwise its fragments. True marks the last
/// packet.
fn payloads(unit: &[u8]) -> Vec<(Vec<u8>, bool)> {
    if unit.len() <= 1_200 {
        return vec![(unit.to_vec(), true)];
    }
    let parts: Vec<_> = unit[1..].chunks(1_200).collect();
    let last = parts.len() - 1;
    let fragment = |(index, part): (usize, &&[u8])| {
        let flags = unit[0] & 31 | if index == 0 { 0x80 } else { 0 } | if index == last { 0x40 } else { 0 };
        ([&[unit[0] & 0xE0 | 28, flags][..], part].concat(), index == last)
    };
    parts.iter().enumerate().map(fragment).collect()
}
