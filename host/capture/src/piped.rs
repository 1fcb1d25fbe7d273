//! Pictures and containers that this program fetches and ffmpeg reads from its input, as they are.

use std::pin::pin;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::AsyncWriteExt,
    process::ChildStdin,
    sync::{mpsc, watch},
};

use crate::{
    capture::{Capture, Job},
    clip::Clip,
    conclusion::{clip_of, conclude},
    decoder,
    error::{CaptureErrorKind as Kind, Failure},
    feed::Stage,
    http::Body,
    notes::Notes,
    parts::{Read, read},
    process::Process,
    reading::{End, Reading, Times, read_log},
    sound,
};

/// What goes through the pipe.
pub(crate) enum Content {
    /// A picture, which is there.
    Picture(Bytes),
    /// What arrives.
    Body(Box<Body>),
}

impl Content {
    /// Writes all of it; why the camera sent no more, where that was no end.
    async fn write(self, mut pipe: ChildStdin) -> Option<Failure> {
        match self {
            // Where the process is gone, its log says why.
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

/// Captures it with this demuxer.
pub(crate) async fn capture<T, F: Future<Output = Option<T>>>(
    job: Job<'_>,
    content: Content,
    format: &str,
    enough: impl FnOnce(Clip) -> F,
) -> Result<Capture<T>, Failure> {
    let Job { config, source, request, .. } = job;
    let damage = match &content {
        Content::Picture(bytes) => sound::damage_of(bytes.clone()).await,
        Content::Body(_) => None,
    };
    let arguments = decoder::piped_arguments(format, request);
    let process = Process::start(config, arguments, true, config.deadline + request.span())?;
    let (stdout, stderr, stdin, mut end_of_it) = process.split();
    let Some(stdin) = stdin else {
        return Err(Failure::new(Kind::FfmpegFailed, "a pipe to ffmpeg is missing".into()));
    };
    let (announce, announced) = mpsc::unbounded_channel();
    let notes = Mutex::new(Notes::default());
    let mut reading = Reading::new(config, request, job.late, stdout, announced, Times::Stream);
    let (stage, _) = watch::channel(Stage::First);
    let frames = async {
        let show = |frames| clip_of(source, &notes.lock().clone(), frames).ok();
        let read = read(&mut reading, request, job.part, &stage, show, enough).await;
        // Ends the log too.
        end_of_it.kill();
        read
    };
    let log = read_log(stderr, source, None, announce, &notes);
    let mut writing = pin!(content.write(stdin));
    let mut written = None;
    let read = {
        let mut decoding = pin!(async { tokio::join!(log, frames).1 });
        loop {
            tokio::select! {
                read = &mut decoding => break read,
                how = &mut writing, if written.is_none() => written = Some(how),
            }
        }
    };
    let out_of_time = end_of_it.is_out_of_time().await;
    let end = match read {
        Read::Enough(answer) => return Ok(Capture::Enough(answer)),
        Read::End(_) if out_of_time => End::Late,
        Read::End(end) => end,
    };
    let (mut notes, frames) = (notes.into_inner(), reading.frames);
    notes.starved(config)?;
    if let Some(damage) = damage {
        notes.damaged(damage);
    }
    let count = frames.len();
    conclude(job, &notes, frames, end).map(Capture::Whole).map_err(|failure| match written.flatten() {
        // That the camera stopped sending is the cause of what ffmpeg says.
        Some(broke) if failure.kind != Kind::TooLarge => {
            Failure::new(broke.kind, format!("after {count} frames: {}", broke.detail))
        }
        _ => failure,
    })
}
