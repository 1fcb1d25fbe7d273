//! A plain RTSP camera. Habits change its behaviour. The camera is as strict as real ones: it refuses an address
//! that it did not describe, and an unknown session.

mod habits;
mod message;
mod playing;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream, UdpSocket},
};

pub use self::{
    habits::{End, Habits, OnTheWay, Video},
    message::{Answer, Request},
};
use self::{message::read, playing::play};
use crate::{
    media::{Media, Picture, Stream, is_set},
    packing::{jpeg_payloads, payloads},
};

/// Serves until the future is dropped with the listener.
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

/// The number of requests for each method.
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
        // Cameras send the end of a picture without delay.
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
                return play(self, reader, writer).await;
            }
        }
    }

    /// Returns the answer of a plain camera.
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

    /// Returns the description of a plain camera.
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

    /// Returns the parameter sets in the form of a description.
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
        // A gradually refreshed stream has only one keyframe, at its beginning.
        let skipped = *key && (n < self.habits.late_key || self.habits.video == Video::Refreshed && n == 0);
        let units: Vec<_> =
            units.iter().filter(|unit| self.habits.sets_in_band || !is_set(unit, hevc)).cloned().collect();
        let sent = if skipped { Vec::new() } else { payloads(&units, self.habits.packing, hevc) };
        (sent, n / count * count + place)
    }
}
