//! Advice for a person: one sentence for each reason why there is no picture, and one for each oddity of a stream.

use crate::{
    error::{CaptureError, CaptureErrorKind as Kind},
    quirks::Quirk,
};

/// A sentence in English and Chinese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// The English sentence.
    pub en: &'static str,
    /// The Chinese sentence.
    pub zh: &'static str,
}

const fn say(en: &'static str, zh: &'static str) -> Advice {
    Advice { en, zh }
}

impl CaptureError {
    /// Returns what a person should do about the error. The camera's own words sometimes tell more than the reason
    /// alone.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let says = |words: &str| self.detail.contains(words);
        match self.kind {
            Kind::Unauthorized if says("no user and password") => say(
                "Put user and password into the address: rtsp://USER:PASSWORD@HOST/….",
                "请在地址中写上用户名和密码：rtsp://用户名:密码@主机/…。",
            ),
            Kind::ServerError if [": 453", ": 503"].iter().any(|busy| says(busy)) => say(
                "Close other viewers of the camera or let it send fewer or smaller streams: it has no room for one more.",
                "请关闭摄像机的其他观看者，或减少、降低其码流：它已无法再多服务一路。",
            ),
            Kind::ServerError if [": 461", ": 406"].iter().any(|refusal| says(refusal)) => say(
                "Leave --rtsp-transport at auto, or let the camera send RTP over TCP: it refuses the way that was asked for.",
                "请让 --rtsp-transport 保持 auto，或在摄像机上允许 RTP over TCP：它拒绝了所请求的传输方式。",
            ),
            kind => kind.advice(),
        }
    }
}

impl Kind {
    /// Returns what a person should do about an error of this kind.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::NoSuchHost => say(
                "Correct the host name, or write the camera's IP address instead.",
                "请更正主机名，或改写成摄像机的 IP 地址。",
            ),
            Self::ConnectionRefused => say(
                "Correct the port (RTSP is mostly 554), or switch the service on in the camera.",
                "请更正端口（RTSP 多为 554），或在摄像机上启用该服务。",
            ),
            Self::HostUnreachable => say(
                "Check network, gateway and VLAN between this machine and the camera.",
                "请检查本机到摄像机之间的网络、网关和 VLAN。",
            ),
            Self::HungUp => say(
                "Close other viewers of the camera, then restart it: it takes connections and drops them.",
                "请关闭摄像机的其他观看者，然后重启摄像机：它接受连接后随即断开。",
            ),
            Self::ConnectTimedOut => say(
                "Check power and cable of the camera, its address, and firewalls on the way.",
                "请检查摄像机的电源和网线、地址以及途中的防火墙。",
            ),
            Self::TlsFailed => say(
                "Use http:// or rtsp:// where the port is not encrypted, or renew the camera's TLS settings.",
                "如果该端口未加密，请改用 http:// 或 rtsp://；否则请更新摄像机的 TLS 设置。",
            ),
            Self::Unauthorized => say(
                "Correct user and password; wait some minutes where the camera locks users out, and give the user the right to watch.",
                "请更正用户名和密码；若摄像机锁定了用户，请等待几分钟，并授予该用户观看权限。",
            ),
            Self::Forbidden => say(
                "Give this user the right to watch, and let this machine's address in.",
                "请授予该用户观看权限，并允许本机地址访问。",
            ),
            Self::NotFound => say(
                "Correct the path; behind a media server, see whether anybody sends to it.",
                "请更正路径；若经流媒体服务器，请检查是否有人向该路径推流。",
            ),
            Self::ServerError => say(
                "Act on the camera's own words; restart it where they say nothing.",
                "请按摄像机自己的说明处理；若它没有说明，请重启摄像机。",
            ),
            Self::NotMedia => say(
                "Correct the address: it leads to a page or to another service.",
                "请更正地址：它指向网页或其他服务。",
            ),
            Self::NoVideo => say(
                "Choose a stream with video, or switch the video of this one on.",
                "请选择带视频的码流，或启用该码流的视频。",
            ),
            Self::NothingDecodes => say(
                "Switch smart codecs and encryption of the stream off, or use H.264, H.265 or JPEG.",
                "请关闭智能编码和码流加密，或改用 H.264、H.265 或 JPEG。",
            ),
            Self::NoKeyframe => say(
                "Set the camera's keyframe interval to one or two seconds.",
                "请把摄像机的关键帧间隔设为一到两秒。",
            ),
            Self::Stalled => say(
                "Check bandwidth and loss of the network, and restart the camera where it sends nothing at all.",
                "请检查网络带宽和丢包；若摄像机完全不发送数据，请重启摄像机。",
            ),
            Self::EndedEarly => say(
                "See why the camera or the server ends the stream: another viewer, a restart, a source that was lost.",
                "请查明摄像机或服务器为何结束码流：其他观看者、重启或信号源丢失。",
            ),
            Self::NoSuchFile => say("Correct the file's name.", "请更正文件名。"),
            Self::FileUnreadable => {
                say("Give this user the right to read the file.", "请授予当前用户读取该文件的权限。")
            }
            Self::TooLarge => say(
                "Let the camera send smaller pictures, or grant more memory (--capture-memory of the worker).",
                "请让摄像机发送较小的画面，或给予更多内存（节点的 --capture-memory）。",
            ),
            Self::FfmpegMissing => say(
                "Install ffmpeg (Debian: apt install ffmpeg), or say where it is (--ffmpeg).",
                "请安装 ffmpeg（Debian：apt install ffmpeg），或指定其路径（--ffmpeg）。",
            ),
            Self::FfmpegFailed => say(
                "See what this machine lacks: the words above come from it, not from the camera.",
                "请检查本机缺少什么：上面的说明来自本机，而非摄像机。",
            ),
        }
    }
}

impl Quirk {
    /// Returns what a person should do about this oddity.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::SlowAnswers => say(
                "See what keeps the camera or the network busy; a name that is resolved slowly is better an IP address.",
                "请查明摄像机或网络为何繁忙；若是域名解析缓慢，请改用 IP 地址。",
            ),
            Self::SendsOn => say(
                "Write the address that it sends on to, which saves a request at each check.",
                "请直接写转到的地址，每次检查可省一次请求。",
            ),
            Self::UdpOnly => say(
                "Let UDP through between worker and camera; --rtsp-transport udp saves the request that is refused.",
                "请放行节点与摄像机之间的 UDP；--rtsp-transport udp 可省去被拒绝的请求。",
            ),
            Self::PasswordReadable => say(
                "Switch Digest on in the camera, or use https://.",
                "请在摄像机上启用 Digest 认证，或使用 https://。",
            ),
            Self::CalledOtherwise => {
                say("Nothing: what comes is told by its bytes.", "无需处理：内容按其字节判断。")
            }
            Self::HandedOver => say(
                "Nothing; H.264, H.265 or JPEG over rtsp:// is read with less load and told of in more detail.",
                "无需处理；通过 rtsp:// 发送的 H.264、H.265 或 JPEG 读取更省，说明也更详细。",
            ),
            Self::KeyframesFarApart => say(
                "Set the keyframe interval to one or two seconds: each check waits for one.",
                "请把关键帧间隔设为一到两秒：每次检查都要等待关键帧。",
            ),
            Self::PacketsLost => say(
                "Use --rtsp-transport tcp, lower the bit rate, or mend the network.",
                "请使用 --rtsp-transport tcp、降低码率或修复网络。",
            ),
            Self::Pauses => say(
                "Check bandwidth and Wi-Fi, and what else the camera does at that time.",
                "请检查带宽和 Wi-Fi，以及摄像机当时还在做什么。",
            ),
            Self::RateDiffers => say(
                "Compare the rate that is set in the camera; long exposure at night lowers it too.",
                "请核对摄像机中设置的帧率；夜间长曝光也会降低帧率。",
            ),
            Self::ClockJumps | Self::ClockRunsWrong => say(
                "Nothing here, where arrival counts; for recorders, give the camera a time server and new firmware.",
                "此处无需处理，以到达时间为准；若有录像机，请为摄像机配置校时服务器并升级固件。",
            ),
            Self::ClockStandsStill => say(
                "Nothing here, where arrival counts; recorders need new firmware of the camera.",
                "此处无需处理，以到达时间为准；若有录像机，请升级摄像机固件。",
            ),
            Self::Damaged => say(
                "Check loss of the network first, then the camera's encoder: restart it or renew its firmware.",
                "请先检查网络丢包，再检查摄像机的编码器：重启摄像机或升级固件。",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_camera_said_tells_more_than_the_reason() {
        let of = |kind, detail: &str| CaptureError { kind, detail: detail.into(), remote: true }.advice().en;
        assert_ne!(of(Kind::ServerError, "SETUP: 453 Not Enough Bandwidth"), Kind::ServerError.advice().en);
        assert_ne!(of(Kind::ServerError, "SETUP: 461 Unsupported transport"), Kind::ServerError.advice().en);
        assert_eq!(of(Kind::ServerError, "SETUP: 500 Oops"), Kind::ServerError.advice().en);
        let nobody = "DESCRIBE: 401 Unauthorized, and the address has no user and password";
        assert_ne!(of(Kind::Unauthorized, nobody), Kind::Unauthorized.advice().en);
    }

    #[test]
    fn each_sentence_is_one() {
        for quirk in Quirk::ALL {
            let Advice { en, zh } = quirk.advice();
            assert!(en.ends_with('.') && en.matches(". ").count() == 0, "{en}");
            assert!(zh.ends_with('。') && zh.matches('。').count() == 1, "{zh}");
        }
    }
}
