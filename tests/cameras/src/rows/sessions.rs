//! Habits in authentication, description, set-up and the start of playing.

use std::time::Duration;

use easysight_capture::{CaptureErrorKind as Reason, Quirk};

use super::{JUDGED, none, odd, rtsp};
use crate::{Row, Way};

pub(super) fn rows() -> Vec<Row> {
    [who_asks(), describing(), setting_up(), refusing()].concat()
}

fn who_asks() -> Vec<Row> {
    vec![
        rtsp("plain", "standard RTSP over TCP", "符合标准的 RTSP（经 TCP）", JUDGED, |_| {}),
        rtsp("digest", "requires Digest (MD5)", "用 Digest（MD5）认证", JUDGED, |habits| {
            habits.asks = &[Way::Md5];
        })
        .of("Hikvision, Dahua")
        .with_password(),
        rtsp(
            "sha-256",
            "requires Digest with SHA-256, not MD5",
            "只用 SHA-256 的 Digest 认证",
            JUDGED,
            |habits| {
                habits.asks = &[Way::Sha256];
            },
        )
        .with_password(),
        rtsp(
            "md5-and-sha-256",
            "offers MD5 first, then SHA-256, and accepts only SHA-256",
            "先提供 MD5、后提供 SHA-256，但只认 SHA-256",
            JUDGED,
            |habits| {
                habits.asks = &[Way::Md5, Way::Sha256];
                habits.believes = &[Way::Sha256];
            },
        )
        .with_password(),
        rtsp(
            "basic-and-digest",
            "offers Basic first, then Digest",
            "先提供 Basic，后提供 Digest",
            JUDGED,
            |habits| habits.asks = &[Way::Basic, Way::Md5],
        )
        .with_password(),
        rtsp("basic", "offers only Basic", "只提供 Basic", odd(&[Quirk::PasswordReadable]), |habits| {
            habits.asks = &[Way::Basic];
        })
        .of("GStreamer")
        .with_password(),
        rtsp(
            "closes-when-asking",
            "answers 401, and then closes the connection",
            "应答 401 后随即断开连接",
            JUDGED,
            |habits| {
                habits.asks = &[Way::Md5];
                habits.answers = |_, answer| answer.closes = answer.status.starts_with("401");
            },
        )
        .with_password(),
        rtsp(
            "wrong-password",
            "rejects the password",
            "不接受密码",
            none(Reason::Unauthorized, "401 Unauthorized"),
            |habits| {
                habits.asks = &[Way::Md5];
                habits.believes = &[];
            },
        )
        .with_password(),
        rtsp(
            "no-password",
            "requires authentication, but the address has no user and password",
            "要求认证，而地址中没有用户名和密码",
            none(Reason::Unauthorized, "no user and password"),
            |habits| habits.asks = &[Way::Md5, Way::Basic],
        ),
    ]
}

fn describing() -> Vec<Row> {
    vec![
        rtsp("no-base", "states no base for its relative addresses", "不说明地址相对于什么", JUDGED, |habits| {
            habits.base = |_| None;
        }),
        rtsp("no-slash", "its base does not end in a slash", "基址末尾没有斜杠", JUDGED, |habits| {
            habits.base = |own| Some(format!("rtsp://{own}/live"));
        }),
        rtsp(
            "base-is-elsewhere",
            "states a base address of its own network",
            "基址用的是自己内网的地址",
            JUDGED,
            |habits| habits.base = |_| Some("rtsp://192.168.1.108:554/live/".to_owned()),
        ),
        rtsp(
            "absolute-track",
            "names the track by an absolute address with another host",
            "轨道用完整地址表示，其中是另一台主机",
            JUDGED,
            |habits| {
                habits.describes = |text, _| text.replace("trackID=0", "rtsp://10.0.0.5:554/media/video1");
                habits.track = "/media/video1";
            },
        ),
        rtsp(
            "lower-case",
            "writes the names of its headers in lower case",
            "头部名称用小写",
            JUDGED,
            |habits| {
                habits.answers = |_, answer| {
                    for (name, _) in &mut answer.headers {
                        name.make_ascii_lowercase();
                    }
                };
            },
        ),
        rtsp("no-cseq", "does not number its answers (CSeq)", "应答不带编号（CSeq）", JUDGED, |habits| {
            habits.answers = |_, answer| answer.set("CSeq", None);
        }),
        rtsp("line-feeds", "ends lines with a bare line feed", "行尾只有换行符", JUDGED, |habits| {
            habits.answers = |_, answer| answer.line_end = "\n";
        }),
        rtsp("no-reason", "answers 200 without a reason", "应答只有 200，没有原因", JUDGED, |habits| {
            habits.answers = |_, answer| {
                if answer.status == "200 OK" {
                    answer.status = "200".to_owned();
                }
            };
        }),
        rtsp(
            "sends-on",
            "redirects to another address of its own",
            "重定向到自己的另一个地址",
            odd(&[Quirk::SendsOn]),
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "DESCRIBE" && !request.uri.contains('?') {
                        answer.refuse("302 Moved Temporarily");
                        answer.set("Location", Some(&format!("rtsp://{}/live?stream=1", request.own)));
                    }
                };
            },
        ),
        rtsp(
            "sends-elsewhere",
            "redirects to another host",
            "重定向到另一台主机",
            none(Reason::ServerError, "another server"),
            |habits| {
                habits.answers = |_, answer| {
                    answer.refuse("302 Moved Temporarily");
                    answer.set("Location", Some("rtsp://192.0.2.7/live"));
                };
            },
        ),
        rtsp(
            "audio-first",
            "describes audio before video, each as a track of its own",
            "先描述音频，后描述视频，各为一个轨道",
            JUDGED,
            |habits| {
                habits.describes = |text, _| {
                    let sound = "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=1\r\nm=video";
                    text.replacen("m=video", sound, 1)
                };
            },
        ),
        rtsp(
            "metadata",
            "describes an ONVIF metadata track after the video",
            "视频之后还描述 ONVIF 元数据轨道",
            JUDGED,
            |habits| {
                habits.describes = |text, _| {
                    format!("{text}m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=2\r\n")
                };
            },
        )
        .of("Hikvision, Hanwha"),
        rtsp(
            "several-videos",
            "describes several video tracks, the first of them MPEG-4",
            "描述多路视频，第一路是 MPEG-4",
            JUDGED,
            |habits| {
                habits.describes = |text, _| {
                    let other = "m=video 0 RTP/AVP 97\r\na=rtpmap:97 MP4V-ES/90000\r\na=control:trackID=9\r\nm=video";
                    text.replacen("m=video", other, 1)
                };
            },
        ),
        rtsp(
            "sound-alone",
            "has only audio",
            "只有音频",
            none(Reason::NoVideo, "describes no video"),
            |habits| habits.describes = |text, _| text.replace("m=video", "m=audio").replace("H264", "PCMA"),
        ),
    ]
}

fn setting_up() -> Vec<Row> {
    vec![
        rtsp("udp-only", "refuses TCP with 461", "以 461 拒绝 TCP", odd(&[Quirk::UdpOnly]), |habits| {
            habits.tcp = false;
        })
        .of("VLC, Avonic"),
        rtsp("udp-only-406", "refuses TCP with 406", "以 406 拒绝 TCP", odd(&[Quirk::UdpOnly]), |habits| {
            habits.tcp = false;
            habits.refusal = "406 TCP TRANSPORT IS NOT SUPPORTED";
        }),
        rtsp("tcp-only", "refuses UDP", "拒绝 UDP", JUDGED, |habits| habits.udp = false).of("go2rtc"),
        rtsp(
            "no-transport",
            "refuses both TCP and UDP",
            "TCP 和 UDP 都拒绝",
            none(Reason::ServerError, "SETUP: 461 Unsupported Transport"),
            |habits| (habits.tcp, habits.udp) = (false, false),
        ),
        rtsp(
            "other-channel",
            "sends on another channel than requested",
            "使用的通道不是所请求的",
            JUDGED,
            |habits| {
                habits.channel = 4;
            },
        ),
        rtsp(
            "no-channel",
            "does not state on which channel it sends",
            "不说明使用哪个通道",
            JUDGED,
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "SETUP" {
                        answer.set("Transport", Some("RTP/AVP/TCP;unicast"));
                    }
                };
            },
        ),
        rtsp(
            "channel-lies",
            "states another channel than the one on which it sends",
            "所说的通道与实际发送的不同",
            JUDGED,
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "SETUP" {
                        answer.set("Transport", Some("RTP/AVP/TCP;unicast;interleaved=2-3"));
                    }
                };
            },
        ),
        rtsp(
            "odd-session",
            "writes the timeout of its session with spaces",
            "会话超时的写法带空格",
            JUDGED,
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "SETUP" {
                        answer.set("Session", Some("  4711 ; timeout = 60 "));
                    }
                };
            },
        ),
        rtsp(
            "range-refused",
            "refuses to play with a range (457)",
            "以 457 拒绝带范围的播放",
            JUDGED,
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "PLAY" && !request.header("range").is_empty() {
                        answer.refuse("457 Invalid Range");
                    }
                };
            },
        ),
        rtsp(
            "signs-options",
            "ends a session if the reader sends no OPTIONS as keep-alive",
            "读取方不发送 OPTIONS 保活就结束会话",
            JUDGED,
            |habits| {
                habits.wants_signs = Some(("OPTIONS", Duration::from_secs(4)));
                habits.answers = short_session;
            },
        )
        .for_seconds(6),
        rtsp(
            "signs-get-parameter",
            "ends a session if the reader sends no GET_PARAMETER as keep-alive",
            "读取方不用 GET_PARAMETER 保活就结束会话",
            JUDGED,
            |habits| {
                habits.wants_signs = Some(("GET_PARAMETER", Duration::from_secs(4)));
                habits.answers = short_session;
            },
        )
        .for_seconds(6),
    ]
}

/// Makes sessions expire after four seconds.
fn short_session(request: &crate::rtsp::Request, answer: &mut crate::rtsp::Answer) {
    if request.method == "SETUP" {
        answer.set("Session", Some("4711;timeout=4"));
    }
}

fn refusing() -> Vec<Row> {
    vec![
        rtsp(
            "busy",
            "has no free session: 453",
            "会话已用完：453",
            none(Reason::ServerError, "SETUP: 453 Not Enough Bandwidth"),
            |habits| {
                habits.answers = |request, answer| {
                    if request.method == "SETUP" {
                        answer.refuse("453 Not Enough Bandwidth");
                    }
                };
            },
        ),
        rtsp(
            "unavailable",
            "reports that it is busy: 503",
            "表示繁忙：503",
            none(Reason::ServerError, "DESCRIBE: 503 Service Unavailable"),
            |habits| habits.answers = |_, answer| answer.refuse("503 Service Unavailable"),
        ),
        rtsp(
            "nobody-publishes",
            "does not have the requested path, or nobody publishes to it",
            "没有该路径，或无人向其推流",
            none(Reason::NotFound, "DESCRIBE: 404 Not Found"),
            |_| {},
        )
        .of("MediaMTX, go2rtc")
        .at("/elsewhere"),
        rtsp(
            "forbidden",
            "does not allow this user to watch: 403",
            "不允许该用户观看：403",
            none(Reason::Forbidden, "403"),
            |habits| {
                habits.answers = |_, answer| answer.refuse("403 Forbidden");
            },
        ),
        rtsp(
            "hangs-up-at-describe",
            "closes the connection when it receives DESCRIBE",
            "收到 DESCRIBE 时断开连接",
            none(Reason::HungUp, "DESCRIBE"),
            |habits| {
                habits.answers = |_, answer| (answer.silent, answer.closes) = (true, true);
            },
        ),
        rtsp(
            "hangs-up-at-play",
            "closes the connection when it receives PLAY",
            "收到 PLAY 时断开连接",
            none(Reason::HungUp, "PLAY"),
            |habits| {
                habits.answers = |request, answer| {
                    let plays = request.method == "PLAY";
                    (answer.silent, answer.closes) = (plays, plays);
                };
            },
        ),
        rtsp(
            "mute",
            "accepts the connection, but never answers",
            "接受连接但从不应答",
            none(Reason::ConnectTimedOut, "DESCRIBE"),
            |habits| habits.answers = |_, answer| answer.silent = true,
        ),
        rtsp("slow", "takes seconds to answer", "要几秒才应答", odd(&[Quirk::SlowAnswers]), |habits| {
            habits.answers = |request, answer| {
                if request.method == "DESCRIBE" {
                    answer.late = Duration::from_millis(2_200);
                }
            };
        }),
        rtsp(
            "web-server",
            "a web server listens on the RTSP port",
            "RTSP 端口上是网页服务",
            none(Reason::NotMedia, "not RTSP"),
            |habits| {
                habits.answers = |_, answer| {
                    answer.before = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec();
                    answer.closes = true;
                };
            },
        ),
    ]
}
