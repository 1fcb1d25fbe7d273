//! Driving one ffmpeg process from its start to a clip, or to the reason why there is none. The
//! process never outlives the call, however it ends.

use std::{
    convert::Infallible, ffi::OsStr, future::ready, io, os::unix::process::ExitStatusExt, path::PathBuf,
    pin::pin, process::Stdio, sync::Arc, time::Duration,
};

use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    clip::{Clip, ClipInfo},
    confinement, decoder,
    error::{CaptureError, CaptureErrorKind as Kind},
    frame::{Frame, SampleRange},
    handover::Handover,
    notes::Notes,
    reading::{End, Reading, read_log},
    request::ClipRequest,
    source::{Source, SourceKind},
};

/// While somebody thinks about the first part of a capture, nothing is read for so long: what is decoded
/// meanwhile may turn out to be unwanted. For longer no camera is kept waiting.
const PAUSE: Duration = Duration::from_millis(500);

/// Bytes that ffmpeg may be ahead by: what Linux grants to everybody.
const PIPE_BYTES: usize = 1 << 20;

/// How sources are read.
#[derive(Debug, Clone)]
pub struct CaptureConfig {
    /// The ffmpeg program: a name that is looked up in `PATH`, or a path.
    pub ffmpeg: PathBuf,
    /// How long a server may take to answer, and a stream may be silent.
    pub connect_timeout: Duration,
    /// How long a capture may take as a whole, beside the span that was asked for.
    pub deadline: Duration,
    /// Bytes of decoded samples of one clip, at the most; a clip that would be larger is shorter.
    pub max_bytes: usize,
    /// Address space of the ffmpeg process. The program itself takes some 450 MiB of it; the rest is for
    /// pictures, of which a decoder holds up to seventeen that others are predicted from.
    pub memory_bytes: u64,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            connect_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            max_bytes: 256 << 20,
            // Seventeen pictures of 7680 × 4320.
            memory_bytes: 1536 << 20,
        }
    }
}

/// What came of a capture in two parts.
#[derive(Debug)]
pub enum Capture<T> {
    /// The first part was enough, and this came of it.
    Enough(T),
    /// All of it was captured.
    Whole(Clip),
}

/// Makes clips of sources.
#[derive(Debug, Clone)]
pub struct Capturer {
    config: CaptureConfig,
}

impl Capturer {
    /// With this configuration.
    #[must_use]
    pub const fn new(config: CaptureConfig) -> Self {
        Self { config }
    }

    /// Captures a clip. It may hold fewer frames than asked for where the source has no more (a
    /// snapshot has one). Dropping the future ends the ffmpeg process.
    ///
    /// # Errors
    ///
    /// [`CaptureError`], also where a stream breaks off before half of the span.
    pub async fn capture(&self, source: &Source, request: &ClipRequest) -> Result<Clip, CaptureError> {
        match self.capture_part(source, request, request, |_| ready(None::<Infallible>)).await? {
            Capture::Whole(clip) => Ok(clip),
            Capture::Enough(never) => match never {},
        }
    }

    /// The same in two parts. As soon as there is what `part` asks for, `enough` is shown a clip of it, and the
    /// capture ends where that has an answer. Else it goes on to its end, with all frames from the first one on.
    /// A source that ends before, or that is too short for two parts, is captured as a whole.
    ///
    /// # Errors
    ///
    /// As of [`Capturer::capture`].
    pub async fn capture_part<T, F: Future<Output = Option<T>>>(
        &self,
        source: &Source,
        request: &ClipRequest,
        part: &ClipRequest,
        enough: impl FnOnce(Clip) -> F,
    ) -> Result<Capture<T>, CaptureError> {
        let error =
            |kind, detail: String| CaptureError { kind, detail, remote: source.kind() != SourceKind::File };
        let picture = match source {
            Source::Remote(_) => None,
            Source::File(path) => {
                let head = read_head(path).await.map_err(|e| {
                    let kind = match e.kind() {
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Kind::NoSuchFile,
                        _ => Kind::FileUnreadable,
                    };
                    error(kind, format!("{}: {e}", path.display()))
                })?;
                decoder::picture_format(&head)
            }
        };
        let (address, handover) = match source {
            Source::File(path) => (decoder::file_address(path), None),
            Source::Remote(url) => {
                let handover = Handover::prepare(url, source.kind()).await;
                let handover = handover.map_err(|e| error(Kind::FfmpegFailed, no_handover(&e)))?;
                (handover.address().into(), Some(handover))
            }
        };
        let started = Instant::now();
        let mut child = self.start(source, &address, picture, request).map_err(|e| {
            let kind =
                if e.kind() == io::ErrorKind::NotFound { Kind::FfmpegMissing } else { Kind::FfmpegFailed };
            error(kind, format!("{}: {e}", self.config.ffmpeg.display()))
        })?;
        let (Some(stdout), Some(stderr), Some(pid)) = (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(error(Kind::FfmpegFailed, "a pipe to ffmpeg is missing".into()));
        };
        // As far as the system grants it: each time that the pipe is full costs two switches between processes.
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe from ffmpeg stays small");
        }
        let processor_time = self.config.deadline + request.span();
        // Before it is told what to open: nothing that is not trusted reaches it without its bounds.
        confinement::confine(pid, self.config.memory_bytes, processor_time)
            .map_err(|e| error(Kind::FfmpegFailed, format!("ffmpeg cannot be given its limits: {e}")))?;
        let (announce, announced) = mpsc::unbounded_channel();
        let address = address.to_string_lossy();
        let notes = Mutex::new(Notes::default());
        let log = async {
            let mut log = pin!(read_log(stderr, source, &address, announce, &notes));
            let Some(handover) = handover else {
                log.await;
                return Ok(());
            };
            tokio::select! {
                // Already gone, for whatever reason.
                () = &mut log => Ok(()),
                handed_over = handover.send_on(pid) => {
                    log.await;
                    handed_over
                }
            }
        };
        let mut reading = Reading::new(&self.config, request, stdout, announced);
        let frames = async {
            let show = |frames| clip_of(source, &notes.lock().clone(), frames).ok();
            let read = read(&mut reading, request, part, show, enough).await;
            // Ends the log too. That the process is gone already is no failure.
            drop(child.start_kill());
            read
        };
        let (handed_over, read) = tokio::join!(log, frames);
        let ended = child.wait().await;
        let end = match read {
            Read::Enough(answer) => return Ok(Capture::Enough(answer)),
            Read::End(end) => end,
        };
        let (notes, frames) = (notes.into_inner(), reading.frames);
        if let Err(e) = handed_over {
            return Err(error(Kind::FfmpegFailed, no_handover(&e)));
        }
        if notes.is_starved() {
            let granted = self.config.memory_bytes >> 20;
            let detail = format!("ffmpeg needs more memory for them than the {granted} MiB that it may have");
            return Err(error(Kind::TooLarge, detail));
        }
        let out_of_time = ended.is_ok_and(|status| status.signal() == Some(Signal::XCPU.as_raw()));
        let end = if out_of_time { End::Late } else { end };
        // ffmpeg calls an RTSP server that never answers invalid data.
        let in_vain = !notes.is_open() && started.elapsed() >= self.config.connect_timeout;
        let notes = if in_vain { notes.timed_out() } else { notes };
        let concluded = self.conclude(source, request, &notes, frames, end);
        concluded.map(Capture::Whole).map_err(|(kind, detail)| error(kind, detail))
    }

    /// Finds out whether the ffmpeg program can be started at all; what it does then is not waited for.
    ///
    /// # Errors
    ///
    /// What the operating system says where it cannot.
    pub async fn probe(&self) -> io::Result<()> {
        let mut program = Command::new(confinement::located(&self.config.ffmpeg));
        program.env_clear().envs(confinement::environment());
        program.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = program.kill_on_drop(true).spawn()?;
        // It may have ended by itself already.
        drop(child.start_kill());
        child.wait().await.map(drop)
    }

    fn start(
        &self,
        source: &Source,
        address: &OsStr,
        picture: Option<&str>,
        request: &ClipRequest,
    ) -> io::Result<Child> {
        Command::new(confinement::located(&self.config.ffmpeg))
            .args(decoder::arguments(source, address, picture, request, self.config.connect_timeout))
            .env_clear()
            .envs(confinement::environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group: an interrupt at the terminal is for this program to deal with.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Makes the clip, or says why there is none.
    fn conclude(
        &self,
        source: &Source,
        request: &ClipRequest,
        notes: &Notes,
        frames: Vec<Arc<Frame>>,
        end: End,
    ) -> Result<Clip, (Kind, String)> {
        let covered = frames.last().map_or(Duration::ZERO, |frame| frame.timestamp);
        let so_far =
            |what: String| format!("after {} frames in {:.1} s: {what}", frames.len(), covered.as_secs_f64());
        let half = frames.len() >= request.min_frames() as usize && covered >= request.span() / 2;
        let usable = half || (!streams(source, notes) && !frames.is_empty());
        let patience = self.config.connect_timeout.as_secs_f64();
        match end {
            End::Enough => {}
            End::TooLarge | End::Closed | End::Silent | End::Late if usable => {}
            End::TooLarge => {
                return Err((
                    Kind::TooLarge,
                    so_far(format!("a clip may have {} bytes", self.config.max_bytes)),
                ));
            }
            End::Closed => {
                let (kind, said) = notes.verdict();
                let kind = match kind {
                    _ if frames.is_empty() && notes.frames_announced() > 0 => Kind::NoKeyframe,
                    // The connection was there once.
                    Kind::ConnectTimedOut if notes.is_open() => Kind::Stalled,
                    Kind::NotMedia | Kind::FfmpegFailed if !frames.is_empty() => Kind::EndedEarly,
                    kind => kind,
                };
                return Err((kind, if notes.is_open() { so_far(said) } else { said }));
            }
            End::Silent => return Err((Kind::Stalled, so_far(format!("no picture for {patience} s")))),
            End::Late if !notes.is_open() => {
                return Err((
                    Kind::ConnectTimedOut,
                    format!("not open after {} s", self.config.deadline.as_secs()),
                ));
            }
            End::Late if frames.is_empty() && notes.frames_announced() > 0 => {
                return Err((Kind::NoKeyframe, format!("none in {} s", self.config.deadline.as_secs())));
            }
            End::Late => {
                return Err((Kind::Stalled, so_far("the time for a capture is over".into())));
            }
            End::Broken(what) => return Err((Kind::FfmpegFailed, so_far(what))),
        }
        clip_of(source, notes, frames)
    }
}

/// What came of reading.
enum Read<T> {
    /// The first part was enough.
    Enough(T),
    /// All was read.
    End(End),
}

/// Reads all that is wanted, unless `part` of it turns out to be enough.
async fn read<R: AsyncRead + Unpin, T, F: Future<Output = Option<T>>>(
    reading: &mut Reading<R>,
    request: &ClipRequest,
    part: &ClipRequest,
    show: impl FnOnce(Vec<Arc<Frame>>) -> Option<Clip>,
    enough: impl FnOnce(Clip) -> F,
) -> Read<T> {
    if part == request {
        return Read::End(reading.rest().await);
    }
    if let Some(end) = reading.until(part.picker()).await {
        return Read::End(end);
    }
    let Some(clip) = show(reading.frames.clone()) else { return Read::End(reading.rest().await) };
    let began = Instant::now();
    let mut answer = pin!(enough(clip));
    let answered = timeout(PAUSE, &mut answer).await;
    // That nothing was read meanwhile is not the source's fault.
    reading.late += began.elapsed();
    match answered {
        Ok(Some(answer)) => return Read::Enough(answer),
        Ok(None) => return Read::End(reading.rest().await),
        Err(_) => {}
    }
    let mut rest = pin!(reading.rest());
    tokio::select! {
        answer = &mut answer => match answer {
            Some(answer) => Read::Enough(answer),
            None => Read::End(rest.await),
        },
        end = &mut rest => match answer.await {
            Some(answer) => Read::Enough(answer),
            None => Read::End(end),
        },
    }
}

/// True of what may break off; a file or a snapshot has what it has.
fn streams(source: &Source, notes: &Notes) -> bool {
    match source.kind() {
        SourceKind::Rtsp => true,
        SourceKind::Http => !notes.has_duration && !is_picture(notes),
        SourceKind::File => false,
    }
}

fn clip_of(source: &Source, notes: &Notes, frames: Vec<Arc<Frame>>) -> Result<Clip, (Kind, String)> {
    let Some((width, height)) = frames.first().map(|frame| frame.size()) else {
        return Err((Kind::NothingDecodes, "no frame".into()));
    };
    let info = ClipInfo {
        width,
        height,
        range: if notes.full_range { SampleRange::Full } else { SampleRange::Limited },
        frame_rate: notes.frame_rate,
        codec: notes.codec.clone(),
        live: streams(source, notes),
    };
    Clip::of(info, notes.evidence.clone(), frames).map_err(|e| (Kind::FfmpegFailed, e.to_string()))
}

fn no_handover(error: &io::Error) -> String {
    format!("the address could not be handed to ffmpeg: {error}")
}

/// A single picture rather than a stream of them.
fn is_picture(notes: &Notes) -> bool {
    notes.format.as_deref().is_some_and(|format| format.ends_with("_pipe") || format.starts_with("image2"))
}

/// The first bytes of a file; an error where it is none.
async fn read_head(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let facts = tokio::fs::metadata(path).await?;
    if !facts.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if facts.len() == 0 {
        return Err(io::Error::other("it is empty"));
    }
    let mut head = Vec::with_capacity(decoder::HEAD_BYTES);
    tokio::fs::File::open(path).await?.take(decoder::HEAD_BYTES as u64).read_to_end(&mut head).await?;
    Ok(head)
}
