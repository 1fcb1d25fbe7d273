//! Snapshots, Motion JPEG, containers and playlists over HTTP.

use std::time::Duration;

use easysight_capture::{CaptureErrorKind as Reason, Quirk};

use super::{JUDGED, none, odd, web};
use crate::{
    Media, Row, Way,
    http::{Answer, Request},
};

pub(super) fn rows() -> Vec<Row> {
    [snapshots(), refusals(), motion(), containers()].concat()
}

fn jpeg(media: &Media) -> Vec<u8> {
    media.jpegs.first().cloned().unwrap_or_default()
}

fn picture(media: &Media) -> Answer {
    Answer::of("200 OK", "image/jpeg", jpeg(media))
}

fn locked(ways: &[Way], request: &Request, media: &Media) -> Answer {
    let lets_in = ways.iter().any(|way| way.lets_in("GET", &request.authorization));
    if lets_in { picture(media) } else { Answer::asking(ways) }
}

fn snapshots() -> Vec<Row> {
    vec![
        web(
            "snapshot",
            "a snapshot as the standards define it",
            "符合标准的快照",
            JUDGED,
            |_, media| picture(media),
        ),
        web("chunked", "a snapshot in chunks", "分块传输的快照", JUDGED, |_, media| Answer {
            chunked: true,
            ..picture(media).with("Content-Length", None)
        }),
        web("no-length", "a snapshot without its length", "没有长度的快照", JUDGED, |_, media| {
            picture(media).with("Content-Length", None)
        }),
        web(
            "stays-open",
            "a snapshot without its length, and the connection stays open",
            "没有长度的快照，且连接保持打开",
            JUDGED,
            |_, media| Answer { stays_open: true, ..picture(media).with("Content-Length", None) },
        ),
        web(
            "trailing",
            "a snapshot with more bytes after its end",
            "快照末尾之后还有字节",
            JUDGED,
            |_, media| Answer::of("200 OK", "image/jpeg", [&*jpeg(media), b"dhav\x59\x19\x01\x00"].concat()),
        )
        .of("Dahua"),
        web(
            "wrong-length",
            "a snapshot that is shorter than declared",
            "快照比声明的长度短",
            JUDGED,
            |_, media| {
                let announced = (jpeg(media).len() + 5_000).to_string();
                picture(media).with("Content-Length", Some(&announced))
            },
        ),
        web(
            "charset",
            "a snapshot whose content type names a character set",
            "快照的内容类型带字符集",
            JUDGED,
            |_, media| Answer::of("200 OK", "image/jpeg; charset=\"UTF-8\"", jpeg(media)),
        )
        .of("Hikvision, Annke"),
        web(
            "called-text",
            "a snapshot whose content type is text",
            "快照的内容类型为文本",
            odd(&[Quirk::CalledOtherwise]),
            |_, media| Answer::of("200 OK", "text/html", jpeg(media)),
        ),
        web(
            "http-digest",
            "a snapshot that requires Digest",
            "需要 Digest 认证的快照",
            JUDGED,
            |request, media| locked(&[Way::Md5], request, media),
        )
        .of("Dahua, Hikvision")
        .with_password(),
        web(
            "http-sha-256",
            "a snapshot that requires Digest with SHA-256",
            "只用 SHA-256 Digest 认证的快照",
            JUDGED,
            |request, media| locked(&[Way::Sha256], request, media),
        )
        .with_password(),
        web(
            "http-basic",
            "a snapshot that requires Basic",
            "需要 Basic 认证的快照",
            odd(&[Quirk::PasswordReadable]),
            |request, media| locked(&[Way::Basic], request, media),
        )
        .of("Foscam")
        .with_password(),
        web(
            "http-sends-on",
            "a snapshot server that redirects to another address",
            "快照服务器重定向到另一个地址",
            odd(&[Quirk::SendsOn]),
            |request, media| if request.path == "/other" { picture(media) } else { Answer::to("/other") },
        ),
    ]
}

fn refusals() -> Vec<Row> {
    vec![
        web(
            "login-page",
            "a snapshot server that redirects to a login page",
            "快照服务器重定向到登录页面",
            none(Reason::NotMedia, "login"),
            |request, _| {
                let page = b"<!doctype html><title>login</title><form>user, password</form>".to_vec();
                if request.path == "/login" {
                    Answer::of("200 OK", "text/html", page)
                } else {
                    Answer::to("/login")
                }
            },
        ),
        web(
            "loop",
            "a snapshot server that redirects to itself",
            "快照服务器重定向到它自己",
            none(Reason::ServerError, "redirects"),
            |request, _| Answer::to(&request.path),
        ),
        web(
            "sends-to-rtsp",
            "a snapshot server that redirects to RTSP",
            "快照服务器重定向到 RTSP",
            none(Reason::ServerError, "rtsp://"),
            |_, _| Answer::to("rtsp://127.0.0.1:8554/"),
        ),
        web(
            "empty",
            "a snapshot server that answers 200 with an empty body",
            "快照服务器应答 200，但没有内容",
            none(Reason::EndedEarly, "nothing"),
            |_, _| Answer::of("200 OK", "image/jpeg", Vec::new()),
        ),
        web(
            "http-refused",
            "a snapshot server that rejects the password",
            "快照服务器不接受密码",
            none(Reason::Unauthorized, "401"),
            |_, _| Answer::asking(&[Way::Md5]),
        )
        .with_password(),
        web(
            "http-404",
            "a snapshot server that does not have the requested address",
            "快照服务器没有该地址",
            none(Reason::NotFound, "404"),
            |_, _| Answer::of("404 Not Found", "text/html", b"no".to_vec()),
        ),
        web(
            "http-busy",
            "a snapshot server that reports that it is busy: 503",
            "快照服务器表示繁忙：503",
            none(Reason::ServerError, "GET: 503 Service Unavailable"),
            |_, _| Answer::of("503 Service Unavailable", "text/html", b"busy".to_vec()),
        ),
        web(
            "http-hangs-up",
            "a snapshot server that closes the connection without an answer",
            "快照服务器不应答就断开连接",
            none(Reason::HungUp, "GET"),
            |_, _| Answer { silent: true, ..Answer::default() },
        ),
        web(
            "http-mute",
            "a snapshot server that accepts the connection, but never answers",
            "快照服务器接受连接但从不应答",
            none(Reason::ConnectTimedOut, "GET"),
            |_, _| Answer { silent: true, stays_open: true, ..Answer::default() },
        ),
        web(
            "text",
            "a snapshot server that sends text instead of a picture",
            "快照服务器发来文本而不是图片",
            none(Reason::NotMedia, "camera is starting"),
            |_, _| Answer::of("200 OK", "text/plain", b"camera is starting, come back later".to_vec()),
        ),
    ]
}

/// Makes the parts of a Motion JPEG stream, one for each picture: the text before the picture, the picture, and the
/// text after it.
fn parts(media: &Media, before: impl Fn(&[u8]) -> String, behind: &str) -> Vec<Vec<u8>> {
    let part = |jpeg: &Vec<u8>| [before(jpeg).as_bytes(), jpeg, behind.as_bytes()].concat();
    media.jpegs.iter().map(part).collect()
}

const PLAIN: &str = "multipart/x-mixed-replace; boundary=b";

fn plain(jpeg: &[u8]) -> String {
    format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len())
}

fn motion() -> Vec<Row> {
    vec![
        web(
            "motion",
            "Motion JPEG as the standards define it",
            "符合标准的 Motion JPEG",
            JUDGED,
            |_, media| Answer::motion(PLAIN, parts(media, plain, "\r\n"), 12.0),
        ),
        web(
            "motion-slow",
            "Motion JPEG with one picture per second",
            "每秒一幅的 Motion JPEG",
            JUDGED,
            |_, media| Answer::motion(PLAIN, parts(media, plain, "\r\n"), 1.0),
        )
        .for_seconds(2),
        web(
            "motion-dashes",
            "Motion JPEG whose header states the delimiter with its dashes",
            "Motion JPEG 的分隔符名带短横线",
            JUDGED,
            |_, media| {
                Answer::motion("multipart/x-mixed-replace; boundary=--b", parts(media, plain, "\r\n"), 12.0)
            },
        )
        .of("Panasonic"),
        web(
            "motion-no-dashes",
            "Motion JPEG whose delimiters have no dashes",
            "Motion JPEG 的分隔符缺少短横线",
            JUDGED,
            |_, media| {
                let bare = |jpeg: &[u8]| plain(jpeg).trim_start_matches('-').to_owned();
                Answer::motion(PLAIN, parts(media, bare, "\r\n"), 12.0)
            },
        ),
        web(
            "motion-late",
            "Motion JPEG without a delimiter before the first picture",
            "Motion JPEG 的第一幅之前没有分隔符",
            JUDGED,
            |_, media| {
                let head = |jpeg: &[u8]| plain(jpeg).replacen("--b\r\n", "", 1);
                Answer::motion(PLAIN, parts(media, head, "\r\n--b\r\n"), 12.0)
            },
        )
        .of("ESP32-CAM, Tasmota"),
        web(
            "motion-twice",
            "Motion JPEG in which each delimiter appears twice",
            "Motion JPEG 的分隔符写了两次",
            JUDGED,
            |_, media| {
                let twice = |jpeg: &[u8]| format!("--b\r\n{}", plain(jpeg));
                Answer::motion(PLAIN, parts(media, twice, "\r\n"), 12.0)
            },
        )
        .of("Foscam"),
        web(
            "motion-wrong-length",
            "Motion JPEG with wrong lengths",
            "Motion JPEG 的长度不对",
            JUDGED,
            |_, media| {
                let wrong = |jpeg: &[u8]| {
                    format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len() - 10)
                };
                Answer::motion(PLAIN, parts(media, wrong, "\r\n"), 12.0)
            },
        )
        .of("D-Link"),
        web(
            "motion-bare",
            "Motion JPEG without delimiters, with the content type of a picture",
            "没有分隔符的 Motion JPEG，内容类型为图片",
            JUDGED,
            |_, media| Answer::motion("image/jpeg", parts(media, |_| String::new(), ""), 12.0),
        ),
        web("motion-chunked", "Motion JPEG in chunks", "分块传输的 Motion JPEG", JUDGED, |_, media| {
            Answer { chunked: true, ..Answer::motion(PLAIN, parts(media, plain, "\r\n"), 12.0) }
        }),
        web(
            "motion-pauses",
            "Motion JPEG that pauses for two seconds",
            "Motion JPEG 停顿两秒",
            odd(&[Quirk::Pauses]),
            |_, media| {
                let answer = Answer::motion(PLAIN, parts(media, plain, "\r\n"), 12.0);
                Answer { pause: (12, Duration::from_secs(2)), ..answer }
            },
        )
        .for_seconds(4),
        web(
            "motion-stops",
            "Motion JPEG that stops",
            "中断的 Motion JPEG",
            none(Reason::Stalled, "no byte"),
            |_, media| {
                let answer = Answer::motion(PLAIN, parts(media, plain, "\r\n"), 12.0);
                Answer { pause: (3, Duration::from_secs(60)), ..answer }
            },
        ),
    ]
}

fn containers() -> Vec<Row> {
    vec![
        web(
            "transport-stream",
            "MPEG-TS over HTTP, with a generic content type",
            "HTTP 上的 MPEG-TS，内容类型不具体",
            JUDGED,
            |_, media| Answer::of("200 OK", "application/octet-stream", media.transport_stream.clone()),
        )
        .at("/live"),
        web(
            "index-last",
            "a recording with its index at the end, from a server that does not support range requests",
            "索引在末尾的录像，且不能按范围请求",
            JUDGED,
            |_, media| Answer::of("200 OK", "video/mp4", media.mp4.clone()),
        )
        .at("/record.mp4"),
        web("playlist", "an HLS stream", "HLS 流", odd(&[Quirk::HandedOver]), |request, media| {
            let name = request.path.trim_start_matches('/');
            let piece = media.playlist.iter().find(|(own, _)| own == name);
            piece.map_or_else(
                || Answer::of("404 Not Found", "text/plain", Vec::new()),
                |(_, bytes)| Answer::of("200 OK", "application/vnd.apple.mpegurl", bytes.clone()),
            )
        })
        .at("/live.m3u8"),
    ]
}
