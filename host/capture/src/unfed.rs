//! Decodes sources that ffmpeg reads itself or receives unchanged: files, pictures and containers. Frames have the
//! timestamps of the source.

use std::{pin::pin, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::{
    capture::Job,
    clip::Clip,
    conclusion::clip_of,
    error::Failure,
    feed::Stage,
    frame::Frame,
    notes::Notes,
    parts::{Read, read},
    process::Process,
    reading::{End, Reading, Times, read_log},
};

/// The result of decoding.
pub(crate) enum Decoded<T, C> {
    /// The first part was enough.
    Enough(T),
    /// All requested frames that the source has were decoded.
    Whole {
        notes: Box<Notes>,
        frames: Vec<Arc<Frame>>,
        end: End,
        /// The result of `companion`, if it completed before the process ended.
        companion: Option<C>,
    },
}

/// Reads the output of `process`, while `companion` provides its input. `given` is the address with which ffmpeg
/// was started in place of the source's own address.
pub(crate) async fn decode<T, F: Future<Output = Option<T>>, C: Future>(
    job: Job<'_>,
    process: Process,
    given: Option<&str>,
    companion: C,
    enough: impl FnOnce(Clip) -> F,
) -> Result<Decoded<T, C::Output>, Failure> {
    let Job { config, source, request, part, late, .. } = job;
    let mut enough = Some(enough);
    let (stdout, stderr, _, mut end_of_it) = process.split();
    let (announce, announced) = mpsc::unbounded_channel();
    let notes = Mutex::new(Notes::default());
    let mut reading = Reading::new(config, request, late, stdout, announced, Times::Stream);
    let (stage, _) = watch::channel(Stage::First);
    let frames = async {
        let show = |frames| clip_of(source, &notes.lock().clone(), frames).ok();
        let read = read(&mut reading, request, part, &stage, show, &mut enough).await;
        // The end of the process ends the log too.
        end_of_it.kill();
        read
    };
    let log = read_log(stderr, source, given, announce, &notes, &config.journal);
    let mut companion = pin!(companion);
    let mut answered = None;
    let read = {
        let mut decoding = pin!(async { tokio::join!(log, frames).1 });
        loop {
            tokio::select! {
                read = &mut decoding => break read,
                answer = &mut companion, if answered.is_none() => answered = Some(answer),
            }
        }
    };
    let out_of_time = end_of_it.is_out_of_time().await;
    let end = match read {
        Read::Enough(answer) => return Ok(Decoded::Enough(answer)),
        Read::End(_) if out_of_time => End::Late,
        Read::End(end) => end,
    };
    Ok(Decoded::Whole {
        notes: Box::new(notes.into_inner()),
        frames: reading.frames,
        end,
        companion: answered,
    })
}
