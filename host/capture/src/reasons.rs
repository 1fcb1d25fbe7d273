//! Translates ffmpeg's messages into the reasons why there is no clip.

use crate::{error::CaptureErrorKind as Kind, notes::leading_number};

/// Returns the reason that an error message gives. None if the message gives no known reason.
pub(crate) fn reason(text: &str) -> Option<Kind> {
    const WORDS: &[(&str, Kind)] = &[
        ("Failed to resolve hostname", Kind::NoSuchHost),
        ("Connection refused", Kind::ConnectionRefused),
        ("No route to host", Kind::HostUnreachable),
        ("Network is unreachable", Kind::HostUnreachable),
        ("Host is unreachable", Kind::HostUnreachable),
        ("401 Unauthorized", Kind::Unauthorized),
        ("403 Forbidden", Kind::Forbidden),
        ("404 Not Found", Kind::NotFound),
        ("Server returned 4", Kind::ServerError),
        ("Server returned 5", Kind::ServerError),
        ("HTTP error 4", Kind::ServerError),
        ("HTTP error 5", Kind::ServerError),
        ("Connection timed out", Kind::ConnectTimedOut),
        ("Operation timed out", Kind::ConnectTimedOut),
        ("matches no streams", Kind::NoVideo),
        ("does not contain any stream", Kind::NoVideo),
        ("Picture size", Kind::TooLarge),
        ("No such file or directory", Kind::NoSuchFile),
        ("Permission denied", Kind::FileUnreadable),
        ("Format not on whitelist", Kind::NotMedia),
        ("Invalid data found when processing input", Kind::NotMedia),
        ("Protocol not found", Kind::FfmpegFailed),
        ("Unrecognized option", Kind::FfmpegFailed),
        ("Unknown input format", Kind::FfmpegFailed),
        ("Unknown decoder", Kind::FfmpegFailed),
        ("No such filter", Kind::FfmpegFailed),
        ("Option not found", Kind::FfmpegFailed),
        ("Connection reset by peer", Kind::HungUp),
        ("Broken pipe", Kind::HungUp),
        (": End of file", Kind::HungUp),
        (": Input/output error", Kind::HungUp),
    ];
    let lower = text.to_ascii_lowercase();
    if lower.contains("tls") && (lower.contains("handshake") || lower.contains("packet")) {
        return Some(Kind::TlsFailed);
    }
    if lower.contains("certificate") {
        return Some(Kind::TlsFailed);
    }
    // "method DESCRIBE failed: 454 Session Not Found" and similar messages about RTSP.
    if let Some((_, answer)) = text.split_once(" failed: ")
        && text.starts_with("method ")
    {
        return Some(match leading_number(answer) {
            Some(401) => Kind::Unauthorized,
            Some(403) => Kind::Forbidden,
            Some(404) => Kind::NotFound,
            // No stream was set up that could be played: the server has no video.
            Some(454 | 455) if text.starts_with("method PLAY") => Kind::NoVideo,
            _ => Kind::ServerError,
        });
    }
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind)
}

/// Returns true for a message that gives no cause, because ffmpeg prints it for failures of many kinds.
pub(crate) fn is_plain(text: &str) -> bool {
    ["Invalid data found when processing input", "Input/output error", "End of file", "Conversion failed!"]
        .iter()
        .any(|words| text.ends_with(words))
}
