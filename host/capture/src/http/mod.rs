//! Reads a camera over HTTP. The format is recognised by the bytes, because the suffix of the address and the
//! camera's content type may be wrong. The content type only helps to recognise a series of pictures or a web
//! page.

mod client;
mod container;
mod motion;
mod splitter;
mod watched;

use tokio::time::Instant;
use url::Url;

pub(crate) use self::{client::Body, container::container, motion::Motion};
use self::{
    client::{Another, get},
    container::{Index, TRANSPORT_BYTES, index, is_heif},
    splitter::Splitter,
};
use crate::{
    capture::CaptureConfig,
    decoder::{HEAD_BYTES, JPEG, picture_format},
    error::{CaptureErrorKind as Kind, Failure},
    feed::MAX_UNIT_BYTES,
    journal::StepKind,
};

/// The largest number of bytes that may come before the first picture.
const MAX_PREFACE_BYTES: usize = 1 << 20;
/// The largest number of bytes that may follow a single picture. If more announced bytes are still to come after
/// the first picture, the answer counts as a series of pictures.
const MAX_TRAILER_BYTES: u64 = 64 << 10;
/// The largest size in bytes of a recording that must be received completely before it can be read, because its index
/// is at its end.
pub(crate) const MAX_DOWNLOAD_BYTES: u64 = 256 << 20;

/// The content of an address.
pub(crate) enum Opened {
    /// A picture, and its demuxer.
    Still(Vec<u8>, &'static str),
    /// A series of JPEG pictures.
    Motion(Box<Motion>),
    /// A container, and its demuxer.
    Container(Box<Body>, &'static str),
    /// A recording that can be read only after it was received completely.
    Whole(Box<Body>),
    /// The source is left to ffmpeg, for this reason.
    Foreign(&'static str),
}

/// Requests the content at `url`.
pub(crate) async fn open(url: &Url, config: &CaptureConfig, late: Instant) -> Result<Opened, Failure> {
    let opened = tell(url, config, late).await;
    config.journal.write(StepKind::Content, || {
        let what = match &opened {
            Ok(Opened::Still(bytes, format)) => {
                format!("a picture, {}, {} bytes", format.trim_end_matches("_pipe"), bytes.len())
            }
            Ok(Opened::Motion(_)) => "Motion JPEG".to_owned(),
            Ok(Opened::Container(_, format)) => format!("a stream or recording, {format}"),
            Ok(Opened::Whole(_)) => "a recording with its index at the end".to_owned(),
            Ok(Opened::Foreign(what)) => (*what).to_owned(),
            Err(failure) => failure.detail.clone(),
        };
        (String::new(), what)
    });
    opened
}

/// Determines the content.
async fn tell(url: &Url, config: &CaptureConfig, late: Instant) -> Result<Opened, Failure> {
    let mut body = get(url, config, late).await?;
    let head = body.at_least(HEAD_BYTES).await?.to_vec();
    if head.is_empty() {
        return Err(Failure::new(Kind::EndedEarly, format!("{}, and nothing follows", body.status)));
    }
    if is_heif(&head) {
        let detail = "a picture in HEIF (HEIC, AVIF), which is not supported: set the camera to JPEG";
        return Err(Failure::new(Kind::NotMedia, detail.into()));
    }
    let several = body.content_type.starts_with("multipart/");
    // Some cameras send an extra empty line before a picture.
    let begin = head.trim_ascii_start();
    let picture = picture_format(begin).filter(|format| *format == JPEG || begin.len() == head.len());
    if let Some(format) = picture
        && format != JPEG
        && !several
    {
        return Ok(Opened::Still(body.whole(MAX_UNIT_BYTES).await?, format));
    }
    let parts = begin.starts_with(b"--") || body.content_type.contains("jpeg");
    if several || picture.is_some() || (parts && container(&head).is_none()) {
        return pictures(body, several).await;
    }
    let format = match container(&head) {
        // Web pages are short, so this code does not wait for more bytes of a page.
        None if !body.content_type.starts_with("text/") => container(body.at_least(TRANSPORT_BYTES).await?),
        format => format,
    };
    match format {
        Some("mov") => match index(&mut body).await? {
            Index::First => Ok(Opened::Container(Box::new(body), "mov")),
            Index::Last if body.has_ranges => Ok(Opened::Foreign("the recording's index is at its end")),
            Index::Last => Ok(Opened::Whole(Box::new(body))),
        },
        Some(format) => Ok(Opened::Container(Box::new(body), format)),
        None => Err(body.no_media()),
    }
}

/// Returns whether the coded data of a JPEG have begun, so that a part of the picture can be decoded.
fn has_scan(jpeg: &[u8]) -> bool {
    jpeg.windows(2).any(|marker| marker == [0xFF, 0xDA])
}

/// Distinguishes a single picture from a series, by the bytes after the first picture.
async fn pictures(mut body: Body, several: bool) -> Result<Opened, Failure> {
    let mut splitter = Splitter::default();
    let first = loop {
        splitter.push(&body.take());
        if let Some(first) = splitter.next() {
            break first;
        }
        if !splitter.has_begun() && body.received > MAX_PREFACE_BYTES as u64 {
            return Err(body.no_media());
        }
        match body.fill().await {
            Ok(true) => {}
            // If the picture is cut off, the part that arrived is used.
            ended => {
                return match (splitter.rest(), ended) {
                    (Some(cut), _) if !several && has_scan(&cut) => Ok(Opened::Still(cut.to_vec(), JPEG)),
                    (_, Err(why)) => Err(why),
                    (Some(_), _) => {
                        Err(Failure::new(Kind::EndedEarly, "the first picture is cut off".into()))
                    }
                    _ => Err(body.no_media()),
                };
            }
        }
    };
    let arrival = std::time::Instant::now();
    let goes_on = match body.left() {
        // Some cameras send a single picture in the format of a series.
        _ if several => body.another(&mut splitter).await != Another::Never,
        Some(left) => left > MAX_TRAILER_BYTES,
        None => splitter.has_begun() || body.another(&mut splitter).await == Another::Begins,
    };
    if !goes_on {
        return Ok(Opened::Still(first.to_vec(), JPEG));
    }
    Ok(Opened::Motion(Box::new(Motion::new(body, splitter, first, arrival))))
}
