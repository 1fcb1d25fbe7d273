//! A camera over RTSP: a plain one, whose habits say what it does otherwise. It is strict where real ones are: an
//! address that it did not describe, or a session that it does not know, is refused.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    time::{sleep_until, timeout},
};

use crate::{
    auth::Way,
    media::{Media, Picture, RATE, Stream, is_set},
    packing::{Packing, jpeg_payloads, payloads},
};

/// What it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Video {
    /// H.264, a keyframe a second.
    H264,
    /// The same with B-frames.
    Reordered,
    /// A keyframe every eight seconds.
    Far,
    /// No keyframes, but points where the picture is whole.
    Refreshed,
    /// H.265.
    H265,
    /// JPEG.
    Jpeg,
}

/// What happens behind the last picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing more comes, and the connection stays.
    Silence,
    /// The connection is closed.
    Closes,
    /// It says goodbye (RTCP BYE), and the connection stays.
    Bye,
}

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
    fn of(status: &str) -> Self {
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

    fn bytes(&self) -> Vec<u8> {
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

/// What one packet becomes on its way.
pub type OnTheWay = fn(number: u64, packet: Vec<u8>, held: &mut Vec<u8>) -> Vec<Vec<u8>>;

/// What a camera does otherwise than others.
#[derive(Clone)]
pub struct Habits {
    /// What it shows.
    pub video: Video,
    /// Pictures a second.
    pub rate: f64,
    /// What its clock says at a picture.
    pub stamp: fn(place: u64) -> u32,
    /// How it asks who is there, in its order.
    pub asks: &'static [Way],
    /// Those of them that it believes.
    pub believes: &'static [Way],
    /// It sends within the connection.
    pub tcp: bool,
    /// It sends datagrams.
    pub udp: bool,
    /// What is refused where a transport is not spoken.
    pub refusal: &'static str,
    /// Its description, from the one of a plain camera and its own address.
    pub describes: fn(description: &str, own: &str) -> String,
    /// Its address, as it describes it.
    pub base: fn(own: &str) -> Option<String>,
    /// The end of the address that it wants to be set up at.
    pub track: &'static str,
    /// Its answer, from that of a plain camera.
    pub answers: fn(&Request, &mut Answer),
    /// How it packs.
    pub packing: Packing,
    /// Parameter sets come with keyframes.
    pub sets_in_band: bool,
    /// Which packets of a picture are marked: the last one, by most.
    pub marks: fn(last: bool) -> bool,
    /// What a packet becomes.
    pub on_the_way: OnTheWay,
    /// The channel that it sends on over TCP.
    pub channel: u8,
    /// Pictures before the first keyframe is sent.
    pub late_key: u64,
    /// Pictures at the most.
    pub pictures: u64,
    /// What follows.
    pub end: End,
    /// Nothing is sent for so long, after so many pictures.
    pub pause: (u64, Duration),
    /// Without a sign of life by this method it stops after so long.
    pub wants_signs: Option<(&'static str, Duration)>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            video: Video::H264,
            rate: f64::from(RATE),
            stamp: |place| (place * 3_600) as u32,
            asks: &[],
            believes: &[Way::Basic, Way::Md5, Way::Sha256],
            tcp: true,
            udp: true,
            refusal: "461 Unsupported Transport",
            describes: |description, _| description.to_owned(),
            base: |own| Some(format!("rtsp://{own}/live/")),
            track: "/live/trackID=0",
            answers: |_, _| {},
            packing: Packing::Plain,
            sets_in_band: true,
            marks: |last| last,
            on_the_way: |_, packet, _| vec![packet],
            channel: 0,
            late_key: 0,
            pictures: u64::MAX,
            end: End::Silence,
            pause: (u64::MAX, Duration::ZERO),
            wants_signs: None,
        }
    }
}

/// Serves until the listener is dropped with the future.
pub(crate) async fn serve(listener: TcpListener, media: Arc<Media>, habits: Habits) {
    let Ok(own) = listener.local_addr() else { return };
    let counts = Arc::new(Counts::default());
    let mut clients = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let client = Client {
            own: own.to_string(),
            media: Arc::clone(&media),
            habits: habits.clone(),
            counts: Arc::clone(&counts),
            datagrams: None,
        };
        clients.spawn(client.serve(stream));
    }
}

/// Requests that came, by method.
#[derive(Default)]
struct Counts([AtomicU32; 5]);

impl Counts {
    fn before(&self, method: &str) -> u32 {
        let known = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];
        let at = known.iter().position(|own| *own == method).unwrap_or(known.len());
        self.0.get(at).map_or(0, |count| count.fetch_add(1, Ordering::Relaxed))
    }
}

struct Client {
    own: String,
    media: Arc<Media>,
    habits: Habits,
    counts: Arc<Counts>,
    datagrams: Option<UdpSocket>,
}

impl Client {
    async fn serve(mut self, stream: TcpStream) {
        // Cameras do not keep back the end of a picture.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (mut reader, mut writer) = stream.into_split();
        loop {
            let Some(mut request) = read(&mut reader).await else { return };
            request.before = self.counts.before(&request.method);
            request.own.clone_from(&self.own);
            let mut answer = self.answer(&request).await;
            let granted = answer.status.starts_with("200");
            (self.habits.answers)(&request, &mut answer);
            tokio::time::sleep(answer.late).await;
            if !answer.silent && writer.write_all(&answer.bytes()).await.is_err() || answer.closes {
                return;
            }
            if request.method == "PLAY" && granted && answer.status.starts_with("200") && !answer.silent {
                return self.play(reader, writer).await;
            }
        }
    }

    /// The answer of a plain camera.
    async fn answer(&mut self, request: &Request) -> Answer {
        let habits = &self.habits;
        let mut answer = Answer::of("200 OK");
        answer.set("CSeq", Some(request.header("cseq")));
        let given = request.header("authorization");
        let lets_in = habits
            .asks
            .iter()
            .any(|way| habits.believes.contains(way) && way.lets_in(&request.method, given));
        if !habits.asks.is_empty() && !lets_in {
            answer.refuse("401 Unauthorized");
            let asks =
                habits.asks.iter().map(|way| ("WWW-Authenticate".to_owned(), way.challenge().to_owned()));
            answer.headers.extend(asks);
            return answer;
        }
        let path = request.uri.splitn(4, '/').nth(3).map_or(String::new(), |path| format!("/{path}"));
        match request.method.as_str() {
            "DESCRIBE" if path.split('?').next() != Some("/live") => answer.refuse("404 Not Found"),
            "DESCRIBE" => {
                answer.set("Content-Type", Some("application/sdp"));
                answer.set("Content-Base", (habits.base)(&self.own).as_deref());
                answer.body = (habits.describes)(&self.description(), &self.own);
                answer.set("Content-Length", Some(&answer.body.len().to_string()));
            }
            "SETUP" if path != habits.track => answer.refuse("404 Stream Not Found"),
            "SETUP" => self.set_up(request.header("transport"), &mut answer).await,
            "OPTIONS" => {
                answer.set("Public", Some("OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"));
            }
            _ if request.header("session") != "4711" => answer.refuse("454 Session Not Found"),
            _ => answer.set("Session", Some("4711")),
        }
        answer
    }

    async fn set_up(&mut self, transport: &str, answer: &mut Answer) {
        let habits = &self.habits;
        answer.set("Session", Some("4711;timeout=60"));
        let channel = habits.channel;
        if transport.contains("TCP") && habits.tcp {
            let way = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1);
            return answer.set("Transport", Some(&way));
        }
        let port =
            transport.split("client_port=").nth(1).and_then(|ports| ports.split('-').next()?.parse().ok());
        match port {
            Some(port) if habits.udp && !transport.contains("TCP") => {
                let Ok(own) = UdpSocket::bind("127.0.0.1:0").await else {
                    return answer.refuse("500 No Socket");
                };
                let (Ok(()), Ok(server)) =
                    (own.connect(SocketAddr::from(([127, 0, 0, 1], port))).await, own.local_addr())
                else {
                    return answer.refuse("500 No Socket");
                };
                let server = server.port();
                let ports = format!(
                    "client_port={port}-{};server_port={server}-{}",
                    port + 1,
                    server.wrapping_add(1)
                );
                answer.set("Transport", Some(&format!("RTP/AVP;unicast;{ports}")));
                self.datagrams = Some(own);
            }
            _ => answer.refuse(habits.refusal),
        }
    }

    /// What a plain camera describes.
    fn description(&self) -> String {
        let (payload, map) = match self.habits.video {
            Video::Jpeg => (26, "JPEG/90000"),
            Video::H265 => (96, "H265/90000"),
            _ => (96, "H264/90000"),
        };
        format!(
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=Media\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
             m=video 0 RTP/AVP {payload}\r\na=rtpmap:{payload} {map}\r\na=control:trackID=0\r\n{}",
            self.parameters()
        )
    }

    /// Parameter sets, as a description has them.
    fn parameters(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let hevc = self.habits.video == Video::H265;
        let Some(first) = self.stream().and_then(|stream| stream.pictures.first()) else {
            return String::new();
        };
        let sets: Vec<_> =
            first.units.iter().filter(|unit| is_set(unit, hevc)).map(|unit| STANDARD.encode(unit)).collect();
        if let ([vps, sps, pps, ..], true) = (&*sets, hevc) {
            return format!("a=fmtp:96 sprop-vps={vps}; sprop-sps={sps}; sprop-pps={pps}\r\n");
        }
        format!("a=fmtp:96 packetization-mode=1; sprop-parameter-sets={}\r\n", sets.join(","))
    }

    fn stream(&self) -> Option<&Stream> {
        let media = &self.media;
        Some(match self.habits.video {
            Video::H264 => &media.h264,
            Video::Reordered => &media.reordered,
            Video::Far => &media.far,
            Video::Refreshed => &media.refreshed,
            Video::H265 => &media.h265,
            Video::Jpeg => return None,
        })
    }

    /// Plays, and hears meanwhile whether somebody is there.
    async fn play(self, mut reader: OwnedReadHalf, writer: OwnedWriteHalf) {
        let (sign, signs) = tokio::sync::watch::channel(Instant::now());
        let method = self.habits.wants_signs.map_or("", |(method, _)| method);
        let hearing = async {
            while let Some(request) = read(&mut reader).await {
                if request.method == method {
                    sign.send_replace(Instant::now());
                }
            }
        };
        let playing = Playing { writer, number: 0, sent: 0, held: Vec::new(), client: self };
        tokio::select! {
            () = hearing => {}
            () = playing.run(signs) => {}
        }
    }

    fn payloads(&self, n: u64) -> (Vec<Vec<u8>>, u64) {
        let hevc = self.habits.video == Video::H265;
        let Some(stream) = self.stream() else {
            let count = self.media.jpegs.len().max(1) as u64;
            let jpeg = self.media.jpegs.get((n % count) as usize);
            return (jpeg.map_or_else(Vec::new, |jpeg| jpeg_payloads(jpeg)), n);
        };
        let count = stream.pictures.len().max(1) as u64;
        let Some(Picture { units, key, place }) = stream.pictures.get((n % count) as usize) else {
            return (Vec::new(), n);
        };
        // A stream that is refreshed bit by bit has its only keyframe in front.
        let skipped = *key && (n < self.habits.late_key || self.habits.video == Video::Refreshed && n == 0);
        let units: Vec<_> =
            units.iter().filter(|unit| self.habits.sets_in_band || !is_set(unit, hevc)).cloned().collect();
        let sent = if skipped { Vec::new() } else { payloads(&units, self.habits.packing, hevc) };
        (sent, n / count * count + place)
    }
}

struct Playing {
    client: Client,
    writer: OwnedWriteHalf,
    number: u16,
    sent: u64,
    held: Vec<u8>,
}

impl Playing {
    async fn run(mut self, signs: tokio::sync::watch::Receiver<Instant>) {
        let habits = self.client.habits.clone();
        let begun = Instant::now();
        let mut paused = Duration::ZERO;
        for n in 0..habits.pictures {
            if n == habits.pause.0 {
                paused = habits.pause.1;
            }
            sleep_until((begun + Duration::from_secs_f64(n as f64 / habits.rate) + paused).into()).await;
            if habits.wants_signs.is_some_and(|(_, within)| signs.borrow().elapsed() > within) {
                return;
            }
            let (payloads, place) = self.client.payloads(n);
            let stamp = (habits.stamp)(place);
            let count = payloads.len();
            for (at, payload) in payloads.into_iter().enumerate() {
                if self.send(&habits, payload, (habits.marks)(at + 1 == count), stamp).await.is_none() {
                    return;
                }
            }
        }
        match habits.end {
            End::Closes => return,
            End::Bye => {
                let bye = [0x81, 203, 0, 1, b'c', b'a', b'm', b'1'];
                if self.interleave(habits.channel + 1, &bye).await.is_none() {
                    return;
                }
            }
            End::Silence => {}
        }
        std::future::pending::<()>().await;
    }

    async fn send(&mut self, habits: &Habits, payload: Vec<u8>, marked: bool, stamp: u32) -> Option<()> {
        let kind = if habits.video == Video::Jpeg { 26 } else { 96 } | if marked { 0x80 } else { 0 };
        let head = [&[0x80, kind][..], &self.number.to_be_bytes(), &stamp.to_be_bytes(), b"cam1"].concat();
        self.number = self.number.wrapping_add(1);
        self.sent += 1;
        for packet in (habits.on_the_way)(self.sent, [head, payload].concat(), &mut self.held) {
            match &self.client.datagrams {
                // A packet that nobody listens for any more is lost.
                Some(socket) => drop(socket.send(&packet).await),
                // What is no packet goes as it is: junk, or packets of other channels.
                None if packet.first() != Some(&0x80) && packet.first() != Some(&0xB0) => {
                    self.writer.write_all(&packet).await.ok()?;
                }
                None => self.interleave(habits.channel, &packet).await?,
            }
        }
        Some(())
    }

    async fn interleave(&mut self, channel: u8, packet: &[u8]) -> Option<()> {
        let length = u16::try_from(packet.len()).ok()?.to_be_bytes();
        self.writer.write_all(&[&[b'$', channel][..], &length, packet].concat()).await.ok()
    }
}

/// The next request; packets of reports are passed over.
async fn read(stream: &mut OwnedReadHalf) -> Option<Request> {
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
