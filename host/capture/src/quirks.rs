//! The oddities of a stream, derived from the journal and the clip of its capture. A stream with oddities can
//! still be diagnosed.

use std::{fmt, time::Duration};

use crate::{
    clip::Clip,
    clock::CameraClock,
    journal::{Measured, Record, StepKind, Transport},
};

/// The shortest duration that counts as slow for a name resolution, a connection or a request. A slow step points to
/// an overloaded camera or network.
const SLOW: Duration = Duration::from_secs(2);
/// The shortest time between two keyframes that counts as far apart. Every new viewer waits for a keyframe.
const FAR_APART: Duration = Duration::from_secs(5);
/// The shortest time between two pictures that counts as a pause. Only streams with more than four pictures per second
/// are checked for pauses.
const PAUSE: Duration = Duration::from_secs(1);
/// The largest relative difference between two rates that still count as equal.
const OTHER_RATE: f64 = 0.25;
/// The shortest time over which a rate is measured.
const LEAST_SPAN: Duration = Duration::from_secs(2);

/// One oddity of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quirk {
    /// Answers to requests take seconds.
    SlowAnswers,
    /// The camera redirects to another address.
    SendsOn,
    /// The camera refuses TCP, and sends over UDP.
    UdpOnly,
    /// The password is sent in readable form.
    PasswordReadable,
    /// The content type of the answer does not match the picture or stream.
    CalledOtherwise,
    /// ffmpeg reads the stream itself.
    HandedOver,
    /// Keyframes are far apart.
    KeyframesFarApart,
    /// Packets are missing.
    PacketsLost,
    /// The stream pauses.
    Pauses,
    /// Pictures arrive at another rate than the declared rate.
    RateDiffers,
    /// The camera's clock jumps.
    ClockJumps,
    /// The camera's clock stands still.
    ClockStandsStill,
    /// The camera's clock runs too fast or too slow.
    ClockRunsWrong,
    /// Pictures are damaged.
    Damaged,
}

impl Quirk {
    /// All oddities.
    pub const ALL: &'static [Self] = &[
        Self::SlowAnswers,
        Self::SendsOn,
        Self::UdpOnly,
        Self::PasswordReadable,
        Self::CalledOtherwise,
        Self::HandedOver,
        Self::KeyframesFarApart,
        Self::PacketsLost,
        Self::Pauses,
        Self::RateDiffers,
        Self::ClockJumps,
        Self::ClockStandsStill,
        Self::ClockRunsWrong,
        Self::Damaged,
    ];

    /// Returns the stable identifier for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SlowAnswers => "slow-answers",
            Self::SendsOn => "sends-on",
            Self::UdpOnly => "udp-only",
            Self::PasswordReadable => "password-readable",
            Self::CalledOtherwise => "called-otherwise",
            Self::HandedOver => "handed-over",
            Self::KeyframesFarApart => "keyframes-far-apart",
            Self::PacketsLost => "packets-lost",
            Self::Pauses => "pauses",
            Self::RateDiffers => "rate-differs",
            Self::ClockJumps => "clock-jumps",
            Self::ClockStandsStill => "clock-stands-still",
            Self::ClockRunsWrong => "clock-runs-wrong",
            Self::Damaged => "damaged",
        }
    }

    /// Returns a description in English.
    #[must_use]
    pub const fn summary_en(self) -> &'static str {
        match self {
            Self::SlowAnswers => "The camera takes seconds to answer.",
            Self::SendsOn => "The camera redirects to another address.",
            Self::UdpOnly => "The camera refuses TCP and sends over UDP.",
            Self::PasswordReadable => "The password is sent in readable form: Basic without encryption.",
            Self::CalledOtherwise => "The answer's content type does not match the content.",
            Self::HandedOver => "ffmpeg reads this stream itself.",
            Self::KeyframesFarApart => "Keyframes are far apart.",
            Self::PacketsLost => "Packets are lost on the way.",
            Self::Pauses => "The stream pauses for a second or longer.",
            Self::RateDiffers => "Pictures arrive at another rate than the stream declares.",
            Self::ClockJumps => "The camera's own clock jumps.",
            Self::ClockStandsStill => "The camera's own clock stands still.",
            Self::ClockRunsWrong => "The camera's own clock runs too fast or too slow.",
            Self::Damaged => "Some pictures are damaged.",
        }
    }

    /// Returns a description in Chinese.
    #[must_use]
    pub const fn summary_zh(self) -> &'static str {
        match self {
            Self::SlowAnswers => "摄像机要几秒才应答。",
            Self::SendsOn => "摄像机转到另一个地址。",
            Self::UdpOnly => "摄像机拒绝 TCP，只用 UDP 发送。",
            Self::PasswordReadable => "密码明文传输：Basic 认证且未加密。",
            Self::CalledOtherwise => "应答的内容类型与实际内容不符。",
            Self::HandedOver => "该码流由 ffmpeg 自行读取。",
            Self::KeyframesFarApart => "关键帧间隔过长。",
            Self::PacketsLost => "传输途中有丢包。",
            Self::Pauses => "码流停顿一秒以上。",
            Self::RateDiffers => "画面到达的帧率与码流声明的不符。",
            Self::ClockJumps => "摄像机自己的时钟会跳变。",
            Self::ClockStandsStill => "摄像机自己的时钟停着不动。",
            Self::ClockRunsWrong => "摄像机自己的时钟走得过快或过慢。",
            Self::Damaged => "部分画面损坏。",
        }
    }

    /// Returns the oddities of a capture, from its record, and from its clip if there is one.
    #[must_use]
    pub fn of(record: &Record, clip: Option<&Clip>) -> Vec<Self> {
        let measured = &record.measured;
        let step = |kind: StepKind| record.steps.iter().any(|step| step.kind == kind);
        let asks = [StepKind::Resolve, StepKind::Connect, StepKind::Request];
        let slow = record.steps.iter().any(|step| asks.contains(&step.kind) && step.took >= SLOW);
        let requests = || record.steps.iter().filter(|step| step.kind == StepKind::Request);
        let sent_on =
            requests().any(|step| step.answered.starts_with('3') && step.answered.contains("ocation: "));
        let readable =
            requests().any(|step| step.asked.ends_with("(Basic)") && !step.asked.contains(" https://"));
        let evidence = clip.map(Clip::evidence);
        let missed = evidence.is_some_and(|evidence| evidence.missed_packets > 0);
        let damaged =
            evidence.is_some_and(|evidence| evidence.corrupt_frames > 0 || evidence.concealed_blocks > 0);
        [
            (Self::SlowAnswers, slow),
            (Self::SendsOn, sent_on),
            (Self::UdpOnly, measured.refused_tcp.is_some() && measured.transport == Some(Transport::Udp)),
            (Self::PasswordReadable, readable),
            (Self::CalledOtherwise, clip.is_some() && is_called_otherwise(record)),
            (Self::HandedOver, step(StepKind::HandedOver)),
            (Self::KeyframesFarApart, are_far_apart(measured)),
            (Self::PacketsLost, measured.lost > 0 || missed),
            (
                Self::Pauses,
                measured.longest_pause >= PAUSE && typical_rate(measured).is_some_and(|rate| rate > 4.0),
            ),
            (Self::RateDiffers, differs(measured)),
            (Self::ClockJumps, matches!(measured.clock, Some(CameraClock::Jumps(_)))),
            (Self::ClockStandsStill, measured.clock == Some(CameraClock::StandsStill)),
            (Self::ClockRunsWrong, matches!(measured.clock, Some(CameraClock::Runs(_)))),
            (Self::Damaged, damaged),
        ]
        .into_iter()
        .filter_map(|(quirk, is_so)| is_so.then_some(quirk))
        .collect()
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Returns the frame rate that the stream has outside of its pauses.
fn typical_rate(measured: &Measured) -> Option<f64> {
    measured.stamped_rate.or(measured.declared_rate).or(measured.frame_rate)
}

fn differs(measured: &Measured) -> bool {
    let (Some(declared), Some(arrived)) = (measured.declared_rate, measured.frame_rate) else { return false };
    measured.span >= LEAST_SPAN && (arrived / declared - 1.0).abs() > OTHER_RATE
}

fn are_far_apart(measured: &Measured) -> bool {
    // At most one keyframe arrived, although the stream was read for at least `FAR_APART`.
    let alone = measured.keyframes <= 1 && measured.span >= FAR_APART;
    alone || measured.keyframe_interval.is_some_and(|interval| interval >= FAR_APART)
}

/// Returns true if the last answer declares a picture as text or as another wrong type.
fn is_called_otherwise(record: &Record) -> bool {
    let last = record.steps.iter().rfind(|step| step.kind == StepKind::Request);
    let called = last.and_then(|step| step.answered.split_once("Content-Type: ")).map(|(_, rest)| rest);
    let called =
        called.map(|rest| rest.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase());
    let media = ["image/", "video/", "multipart/", "audio/", "application/octet-stream", "application/sdp"];
    let playlist = ["application/vnd.apple.mpegurl", "application/x-mpegurl"];
    called.is_some_and(|called| !media.iter().chain(&playlist).any(|known| called.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Step;

    fn request(asked: &str, answered: &str, seconds: u64) -> Step {
        let took = Duration::from_secs(seconds);
        Step { kind: StepKind::Request, asked: asked.into(), answered: answered.into(), at: took, took }
    }

    #[test]
    fn a_plain_camera_is_not_odd() {
        let measured = Measured {
            transport: Some(Transport::Tcp),
            declared_rate: Some(25.0),
            frame_rate: Some(24.0),
            span: Duration::from_secs(6),
            keyframes: 3,
            keyframe_interval: Some(Duration::from_secs(2)),
            clock: Some(CameraClock::Right),
            ..Measured::default()
        };
        let steps =
            vec![request("DESCRIBE rtsp://camera/ (Digest MD5)", "200 OK; Content-Type: application/sdp", 0)];
        assert_eq!(Quirk::of(&Record { steps, measured }, None), []);
    }

    #[test]
    fn each_is_told_of_what_shows_it() {
        let steps = vec![
            request("GET http://camera/ (Basic)", "302 Found; Location: /b", 3),
            request("GET http://camera/b", "200 OK; Content-Type: text/html; charset=utf-8", 0),
        ];
        let measured = Measured {
            transport: Some(Transport::Udp),
            refused_tcp: Some("461".into()),
            declared_rate: Some(25.0),
            frame_rate: Some(12.0),
            span: Duration::from_secs(6),
            longest_pause: Duration::from_secs(2),
            keyframes: 1,
            lost: 3,
            clock: Some(CameraClock::Jumps(2)),
            ..Measured::default()
        };
        let record = Record { steps, measured };
        assert!(is_called_otherwise(&record));
        assert_eq!(
            Quirk::of(&record, None),
            [
                Quirk::SlowAnswers,
                Quirk::SendsOn,
                Quirk::UdpOnly,
                Quirk::PasswordReadable,
                Quirk::KeyframesFarApart,
                Quirk::PacketsLost,
                Quirk::Pauses,
                Quirk::RateDiffers,
                Quirk::ClockJumps,
            ]
        );
        assert_eq!(Quirk::ALL.len(), 14);
    }
}
