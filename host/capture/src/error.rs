//! The reasons why there is no clip. They are distinguished so that the person who repairs the camera knows what
//! to check.

use std::{fmt, io};

use crate::source::{Source, SourceKind};

/// The reason why there is no clip of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaptureErrorKind {
    /// The host's name is unknown.
    NoSuchHost,
    /// The host answers, but nothing listens on that port.
    ConnectionRefused,
    /// There is no route to the host.
    HostUnreachable,
    /// The host accepts the connection and closes it without an answer.
    HungUp,
    /// The host does not answer in time.
    ConnectTimedOut,
    /// The encrypted connection failed.
    TlsFailed,
    /// The user name or password is wrong (401).
    Unauthorized,
    /// The user may not view the stream (403).
    Forbidden,
    /// The server has no such stream (404).
    NotFound,
    /// The server answered with another error.
    ServerError,
    /// The data is neither video nor a picture.
    NotMedia,
    /// The source sends media, but no video.
    NoVideo,
    /// Video arrives, but no picture can be decoded from it.
    NothingDecodes,
    /// Pictures arrive, but no picture that can be decoded alone.
    NoKeyframe,
    /// Data stopped arriving.
    Stalled,
    /// The stream ended before enough frames arrived.
    EndedEarly,
    /// The file does not exist.
    NoSuchFile,
    /// The file cannot be read.
    FileUnreadable,
    /// A picture is larger than this node allows.
    TooLarge,
    /// The ffmpeg program is not installed.
    FfmpegMissing,
    /// ffmpeg could not be run, or failed for a reason that is not in the source.
    FfmpegFailed,
}

impl CaptureErrorKind {
    /// Returns the stable identifier for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSuchHost => "no-such-host",
            Self::ConnectionRefused => "connection-refused",
            Self::HostUnreachable => "host-unreachable",
            Self::HungUp => "hung-up",
            Self::ConnectTimedOut => "connect-timed-out",
            Self::TlsFailed => "tls-failed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::ServerError => "server-error",
            Self::NotMedia => "not-media",
            Self::NoVideo => "no-video",
            Self::NothingDecodes => "nothing-decodes",
            Self::NoKeyframe => "no-keyframe",
            Self::Stalled => "stalled",
            Self::EndedEarly => "ended-early",
            Self::NoSuchFile => "no-such-file",
            Self::FileUnreadable => "file-unreadable",
            Self::TooLarge => "too-large",
            Self::FfmpegMissing => "ffmpeg-missing",
            Self::FfmpegFailed => "ffmpeg-failed",
        }
    }

    /// Returns the kind with this identifier. None if the identifier is unknown.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        const ALL: [CaptureErrorKind; 21] = [
            CaptureErrorKind::NoSuchHost,
            CaptureErrorKind::ConnectionRefused,
            CaptureErrorKind::HostUnreachable,
            CaptureErrorKind::HungUp,
            CaptureErrorKind::ConnectTimedOut,
            CaptureErrorKind::TlsFailed,
            CaptureErrorKind::Unauthorized,
            CaptureErrorKind::Forbidden,
            CaptureErrorKind::NotFound,
            CaptureErrorKind::ServerError,
            CaptureErrorKind::NotMedia,
            CaptureErrorKind::NoVideo,
            CaptureErrorKind::NothingDecodes,
            CaptureErrorKind::NoKeyframe,
            CaptureErrorKind::Stalled,
            CaptureErrorKind::EndedEarly,
            CaptureErrorKind::NoSuchFile,
            CaptureErrorKind::FileUnreadable,
            CaptureErrorKind::TooLarge,
            CaptureErrorKind::FfmpegMissing,
            CaptureErrorKind::FfmpegFailed,
        ];
        ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Describes in English what happened and what to check.
    #[must_use]
    pub const fn summary_en(self) -> &'static str {
        match self {
            Self::NoSuchHost => "The camera's host name is unknown: check the address and the name server.",
            Self::ConnectionRefused => {
                "The host refuses the connection: check the port, and whether the camera's service runs."
            }
            Self::HostUnreachable => "There is no route to the host: check the network and the address.",
            Self::HungUp => {
                "The camera accepts the connection and closes it: check whether all its sessions are in use, or restart it."
            }
            Self::ConnectTimedOut => {
                "The host does not answer: check power, cable and network of the camera, and the address."
            }
            Self::TlsFailed => {
                "The encrypted connection failed: check the scheme, the port and the certificate."
            }
            Self::Unauthorized => "The camera refuses user name or password (401).",
            Self::Forbidden => "The camera denies this user access to the stream (403).",
            Self::NotFound => "The camera has no such stream (404): check the path.",
            Self::ServerError => "The camera answered with an error.",
            Self::NotMedia => "The source sends neither video nor a picture: check the address.",
            Self::NoVideo => "The source has no video stream.",
            Self::NothingDecodes => "Video arrives, but no picture can be decoded from it.",
            Self::NoKeyframe => "Video arrives, but no keyframe: shorten the camera's keyframe interval.",
            Self::Stalled => "The camera is reachable, but pictures stopped arriving.",
            Self::EndedEarly => "The stream ended too early.",
            Self::NoSuchFile => "There is no such file.",
            Self::FileUnreadable => "The file cannot be read.",
            Self::TooLarge => "The pictures are larger than this node allows.",
            Self::FfmpegMissing => {
                "The program ffmpeg was not found: install it (Debian: apt install ffmpeg) or give its path."
            }
            Self::FfmpegFailed => "The program ffmpeg failed.",
        }
    }

    /// Describes in Chinese what happened and what to check.
    #[must_use]
    pub const fn summary_zh(self) -> &'static str {
        match self {
            Self::NoSuchHost => "无法解析摄像机主机名：请检查地址和域名服务器。",
            Self::ConnectionRefused => "主机拒绝连接：请检查端口以及摄像机服务是否运行。",
            Self::HostUnreachable => "没有到达主机的路由：请检查网络和地址。",
            Self::HungUp => "摄像机接受连接后随即断开：请检查其会话数是否已用完，或重启摄像机。",
            Self::ConnectTimedOut => "主机没有响应：请检查摄像机的电源、网线、网络和地址。",
            Self::TlsFailed => "加密连接失败：请检查协议、端口和证书。",
            Self::Unauthorized => "摄像机拒绝了用户名或密码（401）。",
            Self::Forbidden => "摄像机禁止该用户访问此码流（403）。",
            Self::NotFound => "摄像机没有该码流（404）：请检查路径。",
            Self::ServerError => "摄像机返回了错误。",
            Self::NotMedia => "来源发送的既不是视频也不是图片：请检查地址。",
            Self::NoVideo => "来源中没有视频流。",
            Self::NothingDecodes => "收到视频数据，但无法解码出画面。",
            Self::NoKeyframe => "收到视频数据，但没有关键帧：请缩短摄像机的关键帧间隔。",
            Self::Stalled => "可以连接摄像机，但画面数据中断。",
            Self::EndedEarly => "码流过早结束。",
            Self::NoSuchFile => "文件不存在。",
            Self::FileUnreadable => "文件无法读取。",
            Self::TooLarge => "画面尺寸超过本节点的限制。",
            Self::FfmpegMissing => "找不到 ffmpeg 程序：请安装（Debian：apt install ffmpeg）或指定其路径。",
            Self::FfmpegFailed => "ffmpeg 程序运行失败。",
        }
    }
}

impl fmt::Display for CaptureErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The error of a capture that has no clip as its result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({detail})", .kind.summary_en())]
pub struct CaptureError {
    /// The kind of the failure.
    pub kind: CaptureErrorKind,
    /// The message of the camera, ffmpeg or the operating system, with credentials masked.
    pub detail: String,
    /// True if the source is a camera or a server, false if it is a file.
    pub remote: bool,
}

/// A failure whose source is not known yet. Its text may contain the source's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: CaptureErrorKind,
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) const fn new(kind: CaptureErrorKind, detail: String) -> Self {
        Self { kind, detail }
    }

    /// Makes the error for this source.
    pub(crate) fn of(self, source: &Source) -> CaptureError {
        let remote = source.kind() != SourceKind::File;
        CaptureError { kind: self.kind, detail: source.scrub(&self.detail), remote }
    }
}

/// Returns true if this machine has no memory or no file descriptors left, by the error numbers of Linux.
pub(crate) fn is_of_this_machine(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(12 | 23 | 24))
}

impl CaptureError {
    /// Returns true if the error is a finding about the camera: the camera provides no picture. Returns false if the
    /// fault is in the set-up (no such file, no ffmpeg), so that nothing is known about the camera.
    #[must_use]
    pub const fn is_camera_fault(&self) -> bool {
        use CaptureErrorKind as Kind;
        match self.kind {
            Kind::NoSuchFile
            | Kind::FileUnreadable
            | Kind::TooLarge
            | Kind::FfmpegMissing
            | Kind::FfmpegFailed => false,
            // A file without video is the wrong file. But a recording that cannot be decoded reveals a fault of
            // the camera that made it.
            Kind::NotMedia | Kind::NoVideo => self.remote,
            _ => true,
        }
    }
}
