//! Captures clips from sources that ffmpeg opens itself: files, and sources that this program does not read.

use std::{io, path::Path};

use tokio::{io::AsyncReadExt, time::Instant};

use crate::{
    capture::{Capture, Job},
    clip::Clip,
    conclusion::conclude,
    decoder::{self, JPEG},
    error::{CaptureErrorKind as Kind, Failure},
    feed::MAX_UNIT_BYTES,
    handover::Handover,
    http::container,
    process::Process,
    sound,
    source::Source,
    unfed::{Decoded, decode},
};

/// Captures a source: starts the process, and returns the clip or the reason why there is no clip.
pub(crate) async fn capture<T, F: Future<Output = Option<T>>>(
    job: Job<'_>,
    enough: impl FnOnce(Clip) -> F,
) -> Result<Capture<T>, Failure> {
    let job = job.admitted().await;
    let Job { config, source, request, .. } = job;
    let format = match source {
        Source::Remote(_) => None,
        Source::File(path) => {
            let head = read_head(path).await.map_err(|e| {
                let kind = match e.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Kind::NoSuchFile,
                    _ => Kind::FileUnreadable,
                };
                Failure::new(kind, format!("{}: {e}", path.display()))
            })?;
            decoder::picture_format(&head).or_else(|| container(&head).filter(|format| *format == "mov"))
        }
    };
    let damage = match source {
        Source::File(path) if format == Some(JPEG) => {
            // If the file cannot be read, ffmpeg reports the error.
            let bytes = read_up_to(path, MAX_UNIT_BYTES).await.unwrap_or_default();
            sound::damage_of(bytes.into()).await
        }
        _ => None,
    };
    let (address, handover) = match source {
        Source::File(path) => (decoder::file_address(path), None),
        Source::Remote(url) => {
            let handover = Handover::prepare(url, source.kind()).await.map_err(|e| no_handover(&e))?;
            (handover.address().into(), Some(handover))
        }
    };
    let started = Instant::now();
    let arguments = decoder::arguments(source, &address, format, request, config.connect_timeout);
    let process = Process::start(config, arguments, false, config.deadline + request.span())?;
    let pid = process.pid;
    let address = address.to_string_lossy();
    let given = handover.is_some().then_some(&*address);
    let companion = async {
        match handover {
            Some(handover) => handover.send_on(pid).await,
            None => Ok(()),
        }
    };
    let (mut notes, frames, end, handed_over) = match decode(job, process, given, companion, enough).await? {
        Decoded::Enough(answer) => return Ok(Capture::Enough(answer)),
        Decoded::Whole { notes, frames, end, companion } => (*notes, frames, end, companion),
    };
    notes.damaged(damage.as_slice());
    handed_over.unwrap_or(Ok(())).map_err(|e| no_handover(&e))?;
    notes.starved(config)?;
    // If an RTSP server never answers, ffmpeg reports invalid data instead of a timeout.
    let in_vain = !notes.is_open() && started.elapsed() >= config.connect_timeout;
    let notes = if in_vain { notes.timed_out() } else { notes };
    conclude(job, &notes, frames, end).map(Capture::Whole)
}

fn no_handover(error: &io::Error) -> Failure {
    Failure::new(Kind::FfmpegFailed, format!("the address could not be passed to ffmpeg: {error}"))
}

/// Reads the first bytes of a file. Returns an error if the path is not a regular file, or if the file is empty.
async fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let facts = tokio::fs::metadata(path).await?;
    if !facts.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if facts.len() == 0 {
        return Err(io::Error::other("it is empty"));
    }
    read_up_to(path, decoder::HEAD_BYTES).await
}

async fn read_up_to(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tokio::fs::File::open(path).await?.take(most as u64).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
