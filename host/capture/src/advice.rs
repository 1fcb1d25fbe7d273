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
    /// Returns what a person should do about the error. The camera's own message is considered too, because it may
    /// be more specific than the kind of the error.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let says = |words: &str| self.detail.contains(words);
        match self.kind {
            Kind::Unauthorized if says("no user and password") => say(
                "Put the user name and password into the address: rtsp://USER:PASSWORD@HOST/….",
                "请在地址中写上用户名和密码：rtsp://用户名:密码@主机/…。",
            ),
            Kind::ServerError if [": 453", ": 503"].iter().any(|busy| says(busy)) => say(
                "The camera cannot serve another viewer: close other viewers, or set fewer or smaller streams.",
                "摄像机已无法再提供一路码流：请关闭其他观看者，或减少码流路数、调低码流。",
            ),
            Kind::ServerError if [": 461", ": 406"].iter().any(|refusal| says(refusal)) => say(
                "Leave --rtsp-transport at auto, or allow RTP over TCP in the camera: it refuses the requested transport.",
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
                "Correct the port (for RTSP usually 554), or enable the service in the camera.",
                "请更正端口（RTSP 多为 554），或在摄像机上启用该服务。",
            ),
            Self::HostUnreachable => say(
                "Check the network, gateway and VLAN between this machine and the camera.",
                "请检查本机到摄像机之间的网络、网关和 VLAN。",
            ),
            Self::HungUp => say(
                "Close other viewers of the camera, then restart it: it accepts connections and closes them.",
                "请关闭摄像机的其他观看者，然后重启摄像机：它接受连接后随即断开。",
            ),
            Self::ConnectTimedOut => say(
                "Check the camera's power, cable and address, and the firewalls on the way.",
                "请检查摄像机的电源和网线、地址以及途中的防火墙。",
            ),
            Self::TlsFailed => say(
                "Use http:// or rtsp:// if the port is not encrypted; otherwise update the camera's TLS settings.",
                "如果该端口未加密，请改用 http:// 或 rtsp://；否则请更新摄像机的 TLS 设置。",
            ),
            Self::Unauthorized => say(
                "Correct the user name and password; if the camera locked the user out, wait some minutes; give the user permission to view.",
                "请更正用户名和密码；若摄像机锁定了用户，请等待几分钟，并授予该用户观看权限。",
            ),
            Self::Forbidden => say(
                "Give this user permission to view, and allow this machine's address.",
                "请授予该用户观看权限，并允许本机地址访问。",
            ),
            Self::NotFound => say(
                "Correct the path; on a media server, check whether anything publishes to it.",
                "请更正路径；若经流媒体服务器，请检查是否有人向该路径推流。",
            ),
            Self::ServerError => say(
                "Follow the camera's own message; if it explains nothing, restart the camera.",
                "请按摄像机自己的说明处理；若它没有说明，请重启摄像机。",
            ),
            Self::NotMedia => say(
                "Correct the address: it leads to a page or to another service.",
                "请更正地址：它指向网页或其他服务。",
            ),
            Self::NoVideo => say(
                "Choose a stream with video, or enable the video of this stream.",
                "请选择带视频的码流，或启用该码流的视频。",
            ),
            Self::NothingDecodes => say(
                "Disable smart codecs and stream encryption, or use H.264, H.265 or JPEG.",
                "请关闭智能编码和码流加密，或改用 H.264、H.265 或 JPEG。",
            ),
            Self::NoKeyframe => say(
                "Set the camera's keyframe interval to one or two seconds.",
                "请把摄像机的关键帧间隔设为一到两秒。",
            ),
            Self::Stalled => say(
                "Check the network's bandwidth and packet loss, and restart the camera if it sends nothing at all.",
                "请检查网络带宽和丢包；若摄像机完全不发送数据，请重启摄像机。",
            ),
            Self::EndedEarly => say(
                "Find out why the camera or the server ends the stream: another viewer, a restart, or a lost source.",
                "请查明摄像机或服务器为何结束码流：其他观看者、重启或信号源丢失。",
            ),
            Self::NoSuchFile => say("Correct the file's name.", "请更正文件名。"),
            Self::FileUnreadable => {
                say("Give this user permission to read the file.", "请授予当前用户读取该文件的权限。")
            }
            Self::TooLarge => say(
                "Set a lower resolution in the camera, or allow more memory (--capture-memory of the worker).",
                "请让摄像机发送较小的画面，或给予更多内存（节点的 --capture-memory）。",
            ),
            Self::FfmpegMissing => say(
                "Install ffmpeg (Debian: apt install ffmpeg), or give its path (--ffmpeg).",
                "请安装 ffmpeg（Debian：apt install ffmpeg），或指定其路径（--ffmpeg）。",
            ),
            Self::FfmpegFailed => say(
                "Find out what is missing on this machine: the message above comes from it, not from the camera.",
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
                "Find out what keeps the camera or the network busy; if the name resolves slowly, use an IP address.",
                "请查明摄像机或网络为何繁忙；若是域名解析缓慢，请改用 IP 地址。",
            ),
            Self::SendsOn => say(
                "Use the address to which the camera redirects; this saves a request at each check.",
                "请直接填写跳转后的地址，每次检查可省一次请求。",
            ),
            Self::UdpOnly => say(
                "Allow UDP between the worker and the camera; --rtsp-transport udp saves the refused request.",
                "请放行节点与摄像机之间的 UDP；--rtsp-transport udp 可省去被拒绝的请求。",
            ),
            Self::PasswordReadable => say(
                "Enable Digest in the camera, or use https://.",
                "请在摄像机上启用 Digest 认证，或使用 https://。",
            ),
            Self::CalledOtherwise => {
                say("Nothing to do: the content is recognised by its bytes.", "无需处理：内容按其字节判断。")
            }
            Self::HandedOver => say(
                "Nothing to do; H.264, H.265 or JPEG over rtsp:// causes less load and is reported in more detail.",
                "无需处理；通过 rtsp:// 发送的 H.264、H.265 或 JPEG 读取开销更小，报告也更详细。",
            ),
            Self::KeyframesFarApart => say(
                "Set the keyframe interval to one or two seconds: each check waits for a keyframe.",
                "请把关键帧间隔设为一到两秒：每次检查都要等待关键帧。",
            ),
            Self::PacketsLost => say(
                "Lower the bit rate or fix the network; if --rtsp-transport is set to udp, set it to tcp or auto.",
                "请降低码率或修复网络；若 --rtsp-transport 设为 udp，请改为 tcp 或 auto。",
            ),
            Self::Pauses => say(
                "Check bandwidth and Wi-Fi, and what else the camera does at that time.",
                "请检查带宽和 Wi-Fi，以及摄像机当时还在做什么。",
            ),
            Self::RateDiffers => say(
                "Check the frame rate that is set in the camera; long exposure at night lowers it too.",
                "请核对摄像机中设置的帧率；夜间长曝光也会降低帧率。",
            ),
            Self::ClockJumps | Self::ClockRunsWrong => say(
                "EasySight needs no change, because it uses arrival times; if a recorder uses the camera's timestamps, set a time server in the camera and update the camera's firmware.",
                "EasySight 以到达时间为准，无需处理；若录像机使用摄像机的时间戳，请为摄像机设置校时服务器并升级固件。",
            ),
            Self::ClockStandsStill => say(
                "EasySight needs no change, because it uses arrival times; if a recorder uses the camera's timestamps, update the camera's firmware.",
                "EasySight 以到达时间为准，无需处理；若录像机使用摄像机的时间戳，请升级摄像机固件。",
            ),
            Self::Damaged => say(
                "Check the network for packet loss first, then the camera's encoder: restart the camera or update its firmware.",
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
