//! What real cameras do differently in their packets and timestamps.

use std::time::Duration;

use easysight_capture::{CaptureErrorKind as Reason, Quirk};

use super::{JUDGED, none, odd, rtsp};
use crate::{
    Row,
    rtsp::{End, Video},
};

/// The ticks in one hour.
const HOUR: u64 = 324_000_000;

pub(super) fn rows() -> Vec<Row> {
    [packets(), clocks(), beginnings(), endings()].concat()
}

/// Frames a packet for this channel over TCP.
fn framed(channel: u8, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap_or_default().to_be_bytes();
    [&[b'$', channel][..], &length, packet].concat()
}

fn packets() -> Vec<Row> {
    vec![
        rtsp(
            "junk",
            "sends unrelated bytes between its packets",
            "包与包之间夹有无关字节",
            JUDGED,
            |habits| {
                habits.on_the_way = |n, packet, _| {
                    if n % 5 == 0 { vec![b"\x01\x02junk".to_vec(), packet] } else { vec![packet] }
                };
            },
        ),
        rtsp(
            "private-packets",
            "sends private packets among those of the video",
            "视频包中夹有私有包",
            JUDGED,
            |habits| {
                habits.on_the_way = |n, packet, _| {
                    let head = [&[0x80, 112, 0, 0][..], &[0; 4], b"priv", b"own data"].concat();
                    if n % 7 == 0 { vec![head, packet] } else { vec![packet] }
                };
            },
        )
        .of("Hikvision"),
        rtsp(
            "reports-among-packets",
            "sends its reports (RTCP) on the channel of the video",
            "报告（RTCP）与视频走同一通道",
            JUDGED,
            |habits| {
                habits.on_the_way = |n, packet, _| {
                    let report = [&[0x80, 200, 0, 6][..], b"cam1", &[0; 20]].concat();
                    if n % 9 == 0 { vec![report, packet] } else { vec![packet] }
                };
            },
        ),
        rtsp(
            "sound-between",
            "sends audio that was not requested, on other channels",
            "在其他通道发送未请求的音频",
            JUDGED,
            |habits| {
                habits.on_the_way = |_, packet, _| {
                    let sound = [&[0x80, 8, 0, 0][..], &[0; 8], &[0x55; 160]].concat();
                    vec![framed(2, &sound), packet]
                };
            },
        ),
        rtsp(
            "asks-meanwhile",
            "sends requests to the reader while it plays",
            "播放时自己发来请求",
            JUDGED,
            |habits| {
                habits.on_the_way = |n, packet, _| {
                    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec();
                    if n == 10 { vec![request, packet] } else { vec![packet] }
                };
            },
        ),
        rtsp("repeats", "sends packets twice", "同一个包发送两次", JUDGED, |habits| {
            habits.on_the_way = |_, packet, _| vec![packet.clone(), packet];
        }),
        rtsp(
            "extended",
            "sends packets with extensions and padding",
            "包带扩展头和填充",
            JUDGED,
            |habits| {
                habits.on_the_way = |_, packet, _| {
                    let (head, payload) = packet.split_at(12);
                    let mut extended =
                        [head, &[0xAB, 0xAC, 0, 1, 1, 2, 3, 4], payload, &[0, 0, 0, 4]].concat();
                    if let Some(first) = extended.first_mut() {
                        *first = 0xB0;
                    }
                    vec![extended]
                };
            },
        )
        .of("ONVIF replay"),
        rtsp(
            "renumbers",
            "changes to another sequence of packet numbers in the middle",
            "中途改用另一段包序号",
            JUDGED,
            |habits| {
                habits.on_the_way = |n, mut packet, _| {
                    if n > 40
                        && let Some([high, low]) = packet.get_mut(2..4)
                    {
                        [*high, *low] = (20_000 + n as u16).to_be_bytes();
                    }
                    vec![packet]
                };
            },
        ),
        rtsp(
            "overtaken",
            "its packets arrive out of order over UDP",
            "UDP 包乱序到达",
            odd(&[Quirk::UdpOnly]),
            |habits| {
                habits.tcp = false;
                habits.on_the_way = |n, packet, held| {
                    if n % 6 == 0 {
                        *held = packet;
                        return Vec::new();
                    }
                    if held.is_empty() { vec![packet] } else { vec![packet, std::mem::take(held)] }
                };
            },
        ),
        rtsp(
            "loses",
            "its packets are lost over UDP",
            "UDP 丢包",
            odd(&[Quirk::UdpOnly, Quirk::PacketsLost]),
            |habits| {
                habits.tcp = false;
                habits.on_the_way = |n, packet, _| if n % 23 == 0 { Vec::new() } else { vec![packet] };
            },
        ),
        rtsp(
            "loses-in-itself",
            "omits packets although it sends over TCP",
            "经 TCP 发送也会漏包",
            odd(&[Quirk::PacketsLost]),
            |habits| {
                habits.on_the_way = |n, packet, _| if n % 23 == 0 { Vec::new() } else { vec![packet] };
            },
        ),
    ]
}

fn clocks() -> Vec<Row> {
    vec![
        rtsp(
            "clock-back",
            "its clock goes back by an hour",
            "时钟倒退一小时",
            odd(&[Quirk::ClockJumps]),
            |habits| habits.stamp = |n| (2 * HOUR + n * 3_600 - if n < 15 { 0 } else { HOUR }) as u32,
        )
        .of("Wyze")
        .for_seconds(2),
        rtsp(
            "clock-ahead",
            "its clock goes ahead by an hour",
            "时钟前跳一小时",
            odd(&[Quirk::ClockJumps]),
            |habits| habits.stamp = |n| (n * 3_600 + if n < 15 { 0 } else { HOUR }) as u32,
        )
        .for_seconds(2),
        rtsp(
            "clock-blips",
            "the timestamp of one picture in ten is wrong by an hour",
            "每十幅画面有一幅的时间戳差一小时",
            odd(&[Quirk::ClockJumps]),
            |habits| habits.stamp = |n| (n * 3_600 + if n % 10 == 5 { HOUR } else { 0 }) as u32,
        )
        .of("Intelbras")
        .for_seconds(2),
        rtsp(
            "clock-still",
            "all pictures have the same timestamp",
            "所有画面的时间戳都相同",
            odd(&[Quirk::ClockStandsStill]),
            |habits| habits.stamp = |_| 4_711,
        )
        .for_seconds(2),
        rtsp(
            "clock-fast",
            "its clock runs twice as fast as real time",
            "时钟比实际快一倍",
            odd(&[Quirk::ClockRunsWrong]),
            |habits| habits.stamp = |n| (n * 7_200) as u32,
        )
        .for_seconds(5),
        rtsp(
            "clock-wraps",
            "its timestamps wrap around, which is normal",
            "时间戳回绕，属正常现象",
            JUDGED,
            |habits| habits.stamp = |n| (u64::from(u32::MAX) - 50_000 + n * 3_600) as u32,
        )
        .for_seconds(2),
        rtsp(
            "declares-another-rate",
            "declares 25 pictures per second and sends 8",
            "声明每秒 25 帧，实际 8 帧",
            odd(&[Quirk::RateDiffers]),
            |habits| {
                habits.rate = 8.0;
                habits.stamp = |n| (n * 11_250) as u32;
                habits.describes = |text, _| format!("{text}a=framerate:25\r\n");
            },
        )
        .for_seconds(4),
        rtsp("slow-pictures", "sends one picture per second", "每秒只有一幅画面", JUDGED, |habits| {
            habits.rate = 1.0;
            habits.stamp = |n| (n * 90_000) as u32;
        })
        .for_seconds(2),
        rtsp(
            "pauses",
            "sometimes sends nothing for two seconds",
            "偶尔停顿两秒",
            odd(&[Quirk::Pauses]),
            |habits| {
                habits.pause = (20, Duration::from_secs(2));
                // The clock continues during the pause.
                habits.stamp = |n| ((n + if n < 20 { 0 } else { 50 }) * 3_600) as u32;
            },
        )
        .of("Wi-Fi")
        .for_seconds(4),
    ]
}

fn beginnings() -> Vec<Row> {
    vec![
        rtsp(
            "late-key",
            "sends its first keyframe after two seconds",
            "两秒后才发送第一个关键帧",
            JUDGED,
            |habits| habits.late_key = 50,
        ),
        rtsp(
            "far-keys",
            "sends a keyframe every eight seconds",
            "每八秒一个关键帧",
            odd(&[Quirk::KeyframesFarApart]),
            |habits| habits.video = Video::Far,
        )
        .of("H.264+, H.265+")
        .for_seconds(6),
        rtsp(
            "refreshed",
            "sends no keyframes, but refreshes the picture gradually",
            "不发关键帧，而是逐步刷新画面",
            JUDGED,
            |habits| habits.video = Video::Refreshed,
        ),
        rtsp(
            "no-keys",
            "never sends a keyframe",
            "从不发送关键帧",
            none(Reason::NoKeyframe, "pictures in"),
            |habits| habits.late_key = u64::MAX,
        ),
    ]
}

fn endings() -> Vec<Row> {
    vec![
        rtsp(
            "nothing-comes",
            "accepts PLAY, but sends nothing",
            "同意播放，但什么也不发送",
            none(Reason::Stalled, "no packet of video"),
            |habits| habits.pictures = 0,
        ),
        rtsp(
            "stops",
            "stops sending in the middle",
            "中途停止发送",
            none(Reason::Stalled, "no packet of video"),
            |habits| habits.pictures = 10,
        ),
        rtsp(
            "source-lost",
            "closes the connection when its source is gone",
            "信号源丢失时断开连接",
            none(Reason::EndedEarly, "closed the connection"),
            |habits| (habits.pictures, habits.end) = (10, End::Closes),
        )
        .of("MediaMTX"),
        rtsp(
            "goodbye",
            "sends a goodbye (RTCP BYE) and stays connected",
            "发送告别（RTCP BYE）但保持连接",
            none(Reason::EndedEarly, "RTCP BYE"),
            |habits| (habits.pictures, habits.end) = (10, End::Bye),
        )
        .of("GStreamer, live555"),
    ]
}
