//! Captures clips from pictures and containers that this program downloads and passes unchanged to the input of
//! ffmpeg.

use bytes::Bytes;
use tokio::{io::AsyncWriteExt, process::ChildStdin};

use crate::{
    capture::{Capture, Job},
    clip::Clip,
    conclusion::conclude,
    decoder,
    error::{CaptureErrorKind as Kind, Failure},
    http::Body,
    process::Process,
    sound,
    unfed::{Decoded, decode},
};

/// The content of the pipe.
pub(crate) enum Content {
    /// A picture that has arrived completely.
    Picture(Bytes),
    /// A body that is still arriving.
    Body(Box<Body>),
}

impl Content {
    /// Writes the whole content. If the camera stopped sending before the end, returns the reason.
    async fn write(self, mut pipe: ChildStdin) -> Option<Failure> {
        match self {
            // An error of the pipe means that the process has ended. The log of the process contains the reason.
            Self::Picture(bytes) => {
                pipe.write_all(&bytes).await.ok();
                None
            }
            Self::Body(mut body) => loop {
                body.unhurried();
                let bytes = body.take();
                if pipe.write_all(&bytes).await.is_err() {
                    return None;
                }
                match body.fill().await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(why) => return Some(why),
                }
            },
        }
    }
}

/// Captures the content with this demuxer.
pub(crate) async fn capture<T, F: Future<Output = Option<T>>>(
    job: Job<'_>,
    content: Content,
    format: &str,
    enough: impl FnOnce(Clip) -> F,
) -> Result<Capture<T>, Failure> {
    let job = job.admitted().await;
    let Job { config, request, .. } = job;
    let (damage, length) = match &content {
        Content::Picture(bytes) => (sound::damage_of(bytes.clone()).await, Some(bytes.len())),
        Content::Body(_) => (None, None),
    };
    let arguments = decoder::piped_arguments(format, length, request);
    let mut process = Process::start(config, arguments, true, config.deadline + request.span())?;
    let Some(stdin) = process.stdin.take() else {
        return Err(Failure::new(Kind::FfmpegFailed, "a pipe to ffmpeg is missing".into()));
    };
    let decoded = decode(job, process, None, content.write(stdin), enough).await?;
    let (mut notes, frames, end, written) = match decoded {
        Decoded::Enough(answer) => return Ok(Capture::Enough(answer)),
        Decoded::Whole { notes, frames, end, companion } => (*notes, frames, end, companion),
    };
    notes.starved(config)?;
    notes.damaged(damage.as_slice());
    let count = frames.len();
    conclude(job, &notes, frames, end).map(Capture::Whole).map_err(|failure| match written.flatten() {
        // The camera stopped sending, which caused ffmpeg's message.
        Some(broke) if failure.kind != Kind::TooLarge => {
            Failure::new(broke.kind, format!("after {count} frames: {}", broke.detail))
        }
        // Data that begins like a container is media, even if it cannot be decoded.
        _ if failure.kind == Kind::NotMedia => Failure::new(Kind::NothingDecodes, failure.detail),
        _ => failure,
    })
}
