//! A session with a camera: its set-up, and its pictures while it plays.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use super::{
    connection::{Broken, Connection, broken},
    datagrams::Datagrams,
    depacketize::Depacketizer,
    message::{Answer, Message},
    rtp::{Order, Packet},
    sdp::{self, Offer, Video},
};
use crate::{
    auth::{Authorization, bare},
    capture::{CaptureConfig, RtspTransport},
    error::{CaptureErrorKind as Kind, Failure},
    feed::{Format, Sender, Unit},
    journal::{Journal, StepKind, Transport},
};

/// The largest number of redirects to another address of the camera.
const MAX_REDIRECTS: usize = 4;
/// The longest time between two keep-alive requests. If the camera names a timeout, the time is a third of the timeout,
/// but not longer than this.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// The time to wait for packets after a goodbye (RTCP BYE). Some cameras continue to send after a goodbye.
const AFTER_GOODBYE: Duration = Duration::from_secs(1);
/// The type of a goodbye packet (RTCP BYE).
const GOODBYE: u8 = 203;
/// The status with which a camera refuses a start time.
const INVALID_RANGE: u16 = 457;

/// The result of opening a session.
pub(crate) enum Opened {
    /// The session plays.
    Playing(Box<Session>),
    /// The stream is left to ffmpeg, for this reason.
    Foreign(String),
}

/// A session that plays.
pub(crate) struct Session {
    connection: Connection,
    authorization: Authorization,
    way: Way,
    video: Video,
    /// The address of the whole session.
    aggregate: String,
    id: String,
    patience: Duration,
    sign_of_life: Duration,
    /// The time of the next keep-alive request. It does not depend on the packets that arrive.
    sign_at: Instant,
    /// The number of keep-alive requests sent.
    signs: u32,
    journal: Journal,
}

/// The kind of a packet.
enum Took {
    Video(Bytes),
    Goodbye,
    Other,
}

/// The transport of packets.
enum Way {
    /// In the connection, on this channel. The second value is true if video has arrived on the channel.
    Channel(u8, bool),
    Datagrams(Datagrams),
}

/// The video to set up, and its addresses.
struct Described {
    connection: Connection,
    authorization: Authorization,
    video: Video,
    aggregate: String,
    track: String,
}

/// A refused transport, with the camera's own words.
struct Refused(Failure);

/// Opens a session with the camera at `url`, over a transport that the camera accepts.
pub(crate) async fn open(url: &Url, config: &CaptureConfig, late: Instant) -> Result<Opened, Failure> {
    let transports: &[RtspTransport] = match config.rtsp_transport {
        RtspTransport::Auto => &[RtspTransport::Tcp, RtspTransport::Udp],
        RtspTransport::Tcp => &[RtspTransport::Tcp],
        RtspTransport::Udp => &[RtspTransport::Udp],
    };
    let mut refused = None;
    for transport in transports {
        let described = match describe(url, config, late).await? {
            Ok(described) => described,
            Err(foreign) => return Ok(Opened::Foreign(foreign)),
        };
        match set_up(described, *transport, config).await? {
            Ok(session) => return Ok(Opened::Playing(Box::new(session))),
            Err(Refused(failure)) => {
                if *transport == RtspTransport::Tcp {
                    config.journal.count(|tally| tally.refused_tcp = Some(failure.detail.clone()));
                }
                refused = Some(refused.unwrap_or(failure));
            }
        }
    }
    Err(refused.unwrap_or_else(|| Failure::new(Kind::ServerError, "no transport was tried".into())))
}

/// Requests the description, and follows redirects. The inner error is the reason why the stream is left to
/// ffmpeg.
async fn describe(
    url: &Url,
    config: &CaptureConfig,
    late: Instant,
) -> Result<Result<Described, String>, Failure> {
    let mut authorization = Authorization::of(url);
    let mut url = bare(url);
    for _ in 0..=MAX_REDIRECTS {
        let mut connection = Connection::open(&url, config, late).await?;
        let accepts = [("Accept", "application/sdp")];
        let answer = connection.ask("DESCRIBE", url.as_str(), &accepts, &mut authorization).await?;
        if (300..400).contains(&answer.status) && answer.header("location").is_some() {
            url = elsewhere(&url, &answer)?;
            config.journal.has_secrets(&url);
            continue;
        }
        authorization.granted("DESCRIBE", answer.status, &answer.status_line())?;
        let text = String::from_utf8_lossy(&answer.body);
        config.journal.write(StepKind::Content, || (String::new(), sdp::summary(&text)));
        let description = sdp::parse(&text);
        let video = match description.offer {
            Offer::Video(video) => video,
            Offer::Foreign(what) => return Ok(Err(what)),
            Offer::NoVideo => {
                let empty = answer.body.is_empty();
                let what =
                    if empty { "the camera's description is empty" } else { "the camera describes no video" };
                return Err(Failure::new(Kind::NoVideo, what.into()));
            }
        };
        let base = answer.header("content-base").or_else(|| answer.header("content-location"));
        let base = base.filter(|base| base.contains("://")).unwrap_or(url.as_str()).to_owned();
        let aggregate = resolved(&base, description.control.as_deref());
        let track = resolved(&base, video.control.as_deref());
        return Ok(Ok(Described { connection, authorization, video, aggregate, track }));
    }
    Err(Failure::new(Kind::ServerError, format!("DESCRIBE: more than {MAX_REDIRECTS} redirects")))
}

/// Returns the address to which a camera redirects. The scheme and the host must stay the same.
fn elsewhere(url: &Url, answer: &Answer) -> Result<Url, Failure> {
    let to = answer.header("location").unwrap_or_default();
    let target = url.join(to).ok().map(|target| bare(&target));
    match target {
        Some(target) if target.scheme() == url.scheme() && target.host_str() == url.host_str() => Ok(target),
        Some(target) => {
            let host = target.host_str().unwrap_or_default();
            let scheme = target.scheme();
            let detail = format!(
                "{}: the camera redirects to {scheme}://{host}, which is another server",
                answer.status_line()
            );
            Err(Failure::new(Kind::ServerError, detail))
        }
        None => Err(Failure::new(
            Kind::ServerError,
            format!("{}: the camera redirects to an invalid address", answer.status_line()),
        )),
    }
}

/// Returns the address of a part of the session. As cameras expect, the part's name is appended to the base address,
/// unless the part has a full address.
fn resolved(base: &str, control: Option<&str>) -> String {
    match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(control) if control.contains("://") => {
            Url::parse(control).map_or_else(|_| control.to_owned(), |url| bare(&url).into())
        }
        Some(control) => {
            format!("{}/{}", base.trim_end_matches('/'), control.trim_start_matches('/'))
        }
    }
}

async fn set_up(
    described: Described,
    transport: RtspTransport,
    config: &CaptureConfig,
) -> Result<Result<Session, Refused>, Failure> {
    let Described { mut connection, mut authorization, video, aggregate, track } = described;
    let of_system = |error: std::io::Error| Failure::new(Kind::HungUp, error.to_string());
    let (own, camera) = {
        let stream = connection.stream();
        let own = stream.local_addr().map_err(of_system)?;
        (own.ip(), stream.peer_addr().map_err(of_system)?.ip())
    };
    let mut datagrams = None;
    let wanted = if transport == RtspTransport::Udp {
        let opened = Datagrams::open(own, camera).await;
        let opened = opened.map_err(|e| Failure::new(Kind::FfmpegFailed, format!("UDP: {e}")))?;
        let port = opened.port;
        datagrams = Some(opened);
        format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
    } else {
        "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned()
    };
    let answer = connection.ask("SETUP", &track, &[("Transport", &wanted)], &mut authorization).await?;
    if let Err(failure) = authorization.granted("SETUP", answer.status, &answer.status_line()) {
        let about_transport =
            matches!(answer.status, 400..=499 | 501 | 551) && !matches!(answer.status, 401 | 403 | 404 | 453);
        return if about_transport { Ok(Err(Refused(failure))) } else { Err(failure) };
    }
    let session = answer.header("session").unwrap_or_default();
    let id = session.split(';').next().unwrap_or_default().trim().to_owned();
    let expires = parameter(session, "timeout").and_then(|seconds| seconds.parse().ok());
    let sign_of_life = expires
        .map_or(SIGN_OF_LIFE, |seconds: u64| (Duration::from_secs(seconds.max(2)) / 3).min(SIGN_OF_LIFE));
    let granted_way = answer.header("transport").unwrap_or_default();
    let channel = pair(granted_way, "interleaved").map(|(channel, _)| u8::try_from(channel).unwrap_or(0));
    let way = match datagrams {
        // UDP was requested, but the camera sends in the connection.
        Some(_) if channel.is_some() => Way::Channel(channel.unwrap_or(0), false),
        Some(mut datagrams) => {
            let source = parameter(granted_way, "source").and_then(|source| source.parse().ok());
            datagrams.knock(camera, pair(granted_way, "server_port"), source).await;
            Way::Datagrams(datagrams)
        }
        None if channel.is_none() && pair(granted_way, "server_port").is_some() => {
            let detail = format!("SETUP: TCP was requested, and the answer is {granted_way:?}");
            return Ok(Err(Refused(Failure::new(Kind::ServerError, detail))));
        }
        None => Way::Channel(channel.unwrap_or(0), false),
    };
    connection.play();
    let headers = [("Range", "npt=0.000-"), ("Session", id.as_str())];
    let headers = headers.get(..2 - usize::from(id.is_empty())).unwrap_or_default();
    let mut answer = connection.ask("PLAY", &aggregate, headers, &mut authorization).await?;
    if answer.status == INVALID_RANGE {
        let headers = headers.get(1..).unwrap_or_default();
        answer = connection.ask("PLAY", &aggregate, headers, &mut authorization).await?;
    }
    authorization.granted("PLAY", answer.status, &answer.status_line())?;
    connection.unhurried();
    let (patience, journal) = (config.connect_timeout, config.journal.clone());
    let sign_at = Instant::now() + sign_of_life;
    let session = Session {
        connection,
        authorization,
        way,
        video,
        aggregate,
        id,
        patience,
        sign_of_life,
        sign_at,
        signs: 0,
        journal,
    };
    session.journal.count(|tally| {
        tally.transport = Some(match session.way {
            Way::Channel(..) => Transport::Tcp,
            Way::Datagrams(_) => Transport::Udp,
        });
        tally.plays(&session.format());
    });
    Ok(Ok(session))
}

/// Returns the value of a parameter in a header.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = header.split([';', ',']).filter_map(|one| one.trim().split_once('='));
    parameters.find(|(own, _)| own.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Parses the two numbers of a parameter. If the second number is missing, the first number plus one replaces it.
fn pair(header: &str, name: &str) -> Option<(u16, u16)> {
    let value = parameter(header, name)?;
    let (one, other) = value.split_once('-').unwrap_or((value, ""));
    let one: u16 = one.trim().parse().ok()?;
    Some((one, other.trim().parse().unwrap_or(one.wrapping_add(1))))
}

impl Session {
    /// Returns the format of the stream.
    pub(crate) fn format(&self) -> Format {
        Format {
            codec: self.video.codec,
            sets: self.video.sets.clone(),
            clock_rate: self.video.clock_rate,
            frame_rate: self.video.frame_rate,
        }
    }

    /// Passes on pictures until no more arrive. Returns the reason for the end. Counts lost packets in `lost`.
    pub(crate) async fn run(mut self, units: Sender, lost: &std::sync::atomic::AtomicU32) -> Failure {
        let mut depacketizer = Depacketizer::of(self.video.codec, self.video.size);
        let mut order = Order::new(matches!(self.way, Way::Datagrams(_)));
        let mut complete: Vec<Unit> = Vec::new();
        let mut as_described = false;
        loop {
            let data = match self.next().await {
                Ok(data) => data,
                Err(why) => {
                    depacketizer.rest(&mut complete);
                    for unit in complete {
                        if !units.send(unit).await {
                            break;
                        }
                    }
                    return why;
                }
            };
            let Some(packet) = Packet::parse(&data, std::time::Instant::now()) else { continue };
            let described = packet.payload_type == self.video.payload_type;
            as_described |= described;
            self.journal.write_once(StepKind::FirstPacket, || {
                format!("{} bytes, payload type {}", data.len(), packet.payload_type)
            });
            // Some cameras use another payload type than they describe.
            if !described && (as_described || packet.payload_type < 96) {
                continue;
            }
            order.take(packet, |(packet, missing)| depacketizer.take(&packet, missing, &mut complete));
            if let Some(hindrance) = depacketizer.hindrance() {
                return Failure::new(Kind::NothingDecodes, hindrance.into());
            }
            lost.store(order.traffic.lost, std::sync::atomic::Ordering::Relaxed);
            self.journal.count(|tally| tally.traffic(order.traffic));
            for unit in complete.drain(..) {
                self.journal.count(|tally| tally.picture(&unit));
                if !units.send(unit).await {
                    return Failure::new(Kind::EndedEarly, "no more data is needed".into());
                }
            }
        }
    }

    /// Returns the next packet of the video.
    async fn next(&mut self) -> Result<Bytes, Failure> {
        let mut silent_at = Instant::now() + self.patience;
        let mut hung_up = false;
        let mut goodbye = false;
        loop {
            let until = silent_at;
            let event = tokio::select! {
                biased;
                () = sleep_until(self.sign_at) => None,
                packet = packet_of(&mut self.way) => return packet.map_err(|e| stopped(&format!("UDP: {e}"))),
                message = timeout_at(until, self.connection.message()), if !hung_up => Some(message),
                () = sleep_until(until), if hung_up => return Err(silence(self.patience, "over UDP", hung_up)),
            };
            match event {
                None => {
                    self.sign_at = Instant::now() + self.sign_of_life;
                    self.sign().await;
                }
                Some(Ok(Ok(Message::Packet(channel, data)))) => match self.take(channel, data) {
                    Took::Video(data) => return Ok(data),
                    Took::Goodbye if !goodbye => {
                        goodbye = true;
                        silent_at = silent_at.min(Instant::now() + AFTER_GOODBYE);
                    }
                    // Reports about the stream contain no video.
                    Took::Goodbye | Took::Other => {}
                },
                Some(Ok(Ok(Message::Answer(_) | Message::Request))) => {}
                Some(Err(_)) if goodbye => {
                    let detail = "the camera announced the end of the stream (RTCP BYE)";
                    return Err(Failure::new(Kind::EndedEarly, detail.into()));
                }
                Some(Err(_)) => return Err(self.silence()),
                Some(Ok(Err(Broken::Silent | Broken::Late(_)))) if matches!(self.way, Way::Datagrams(_)) => {
                    return Err(self.silence());
                }
                Some(Ok(Err(why))) => match self.way {
                    // Some cameras close the connection but continue to send.
                    Way::Datagrams(_) => {
                        hung_up = true;
                        silent_at = silent_at.min(Instant::now() + self.patience);
                    }
                    Way::Channel(..) => return Err(self.broke(&why)),
                },
            }
        }
    }

    /// Determines the kind of a packet on a channel. Some cameras send on a channel that they did not announce.
    /// In this case, the channel of the first packet of the video is used.
    fn take(&mut self, channel: u8, data: Bytes) -> Took {
        let kind = data.get(1).copied().unwrap_or_default();
        match &mut self.way {
            Way::Channel(own, proven) if *own == channel => {
                if kind == GOODBYE {
                    return Took::Goodbye;
                }
                *proven = true;
                Took::Video(data)
            }
            Way::Channel(own, proven) if !*proven && kind & 0x7F == self.video.payload_type => {
                (*own, *proven) = (channel, true);
                Took::Video(data)
            }
            _ if kind == GOODBYE => Took::Goodbye,
            _ => Took::Other,
        }
    }

    fn silence(&self) -> Failure {
        let way = if matches!(self.way, Way::Datagrams(_)) { "over UDP" } else { "over TCP" };
        silence(self.patience, way, false)
    }

    fn broke(&self, why: &Broken) -> Failure {
        match why {
            Broken::Closed => Failure::new(Kind::EndedEarly, "the camera closed the connection".into()),
            Broken::Torn(error) => {
                Failure::new(Kind::EndedEarly, format!("the connection was torn down: {error}"))
            }
            Broken::Silent | Broken::Late(_) => self.silence(),
            Broken::Garbage(_) => broken(why, "PLAY"),
        }
    }

    /// Sends a keep-alive request. Two methods alternate, because some cameras accept only one of them as keep-alive.
    async fn sign(&mut self) {
        let method = if self.signs.is_multiple_of(2) { "OPTIONS" } else { "GET_PARAMETER" };
        self.signs += 1;
        let value = self.authorization.value(method, &self.aggregate);
        let headers = [("Session", self.id.as_str())];
        if let Err(error) = self.connection.send(method, &self.aggregate, &headers, value.as_deref()).await {
            tracing::debug!(%error, "the keep-alive request cannot be sent");
        }
    }
}

impl Drop for Session {
    /// Ends the session. Cameras allow few sessions, and some cameras keep a session open until it is ended.
    fn drop(&mut self) {
        let value = self.authorization.value("TEARDOWN", &self.aggregate);
        let headers = [("Session", self.id.as_str())];
        let headers = headers.get(usize::from(self.id.is_empty())..).unwrap_or_default();
        self.connection.send_off("TEARDOWN", &self.aggregate, headers, value.as_deref());
    }
}

async fn packet_of(way: &mut Way) -> std::io::Result<Bytes> {
    match way {
        Way::Datagrams(datagrams) => datagrams.packet().await,
        Way::Channel(..) => std::future::pending().await,
    }
}

fn silence(patience: Duration, way: &str, hung_up: bool) -> Failure {
    let closed = if hung_up { ", and the camera closed the connection" } else { "" };
    Failure::new(Kind::Stalled, format!("no packet of video {way} for {} s{closed}", patience.as_secs_f64()))
}

fn stopped(what: &str) -> Failure {
    Failure::new(Kind::Stalled, what.to_owned())
}
