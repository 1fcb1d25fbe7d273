//! Driving one ffmpeg process from its start to a clip, or to the reason why there is none. The
//! process never outlives the call, however it ends.

use std::{
    ffi::OsStr, io, os::unix::process::ExitStatusExt, path::PathBuf, pin::pin, process::Stdio, time::Duration,
};

use bytes::BytesMut;
use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    clip::{Clip, ClipInfo},
    confinement, decoder,
    error::{CaptureError, CaptureErrorKind as Kind},
    frame::{Frame, SampleRange},
    handover::Handover,
    notes::{FrameNote, Notes, duration},
    request::ClipRequest,
    source::{Source, SourceKind},
};

/// Bytes of a line of ffmpeg's log that are looked at.
const MAX_LINE_BYTES: usize = 4 << 10;

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

/// Makes clips of sources.
#[derive(Debug, Clone)]
pub struct Capturer {
    config: CaptureConfig,
}

/// Why reading frames came to an end.
enum End {
    /// There is enough.
    Enough,
    /// ffmpeg closed its output.
    Closed,
    /// No frame came for as long as a stream may be silent.
    Silent,
    /// The whole took too long.
    Late,
    /// The next frame is larger than a clip may be.
    TooLarge,
    /// Samples could not be read or do not make a frame.
    Broken(String),
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
        let processor_time = self.config.deadline + request.span();
        // Before it is told what to open: nothing that is not trusted reaches it without its bounds.
        confinement::confine(pid, self.config.memory_bytes, processor_time)
            .map_err(|e| error(Kind::FfmpegFailed, format!("ffmpeg cannot be given its limits: {e}")))?;
        let (announce, announced) = mpsc::unbounded_channel();
        let address = address.to_string_lossy();
        let log = async {
            let mut log = pin!(read_log(stderr, source, &address, announce));
            let Some(handover) = handover else { return (log.await, Ok(())) };
            tokio::select! {
                // Already gone, for whatever reason.
                notes = &mut log => (notes, Ok(())),
                handed_over = handover.send_on(pid) => (log.await, handed_over),
            }
        };
        let frames = async {
            let taken = self.take_frames(request, stdout, announced).await;
            // Ends the log too. That the process is gone already is no failure.
            drop(child.start_kill());
            taken
        };
        let ((notes, handed_over), (frames, end)) = tokio::join!(log, frames);
        let ended = child.wait().await;
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
        self.conclude(source, request, notes, frames, end).map_err(|(kind, detail)| error(kind, detail))
    }

    /// Finds out whether the ffmpeg program can be started at all; what it does then is not waited for.
    ///
    /// # Errors
    ///
    /// What the operating system says where it cannot.
    pub async fn probe(&self) -> io::Result<()> {
        let mut program = Command::new(&self.config.ffmpeg);
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
        Command::new(&self.config.ffmpeg)
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

    /// Reads frames until there are enough or no more come. A live stream begins at its first
    /// keyframe; what precedes it is made up by the decoder.
    async fn take_frames(
        &self,
        request: &ClipRequest,
        mut samples: impl AsyncRead + Unpin,
        mut announced: mpsc::UnboundedReceiver<FrameNote>,
    ) -> (Vec<Frame>, End) {
        let late = Instant::now() + self.config.deadline + request.span();
        let mut frames: Vec<Frame> = Vec::new();
        let (mut first, mut held, mut picker) = (None, 0_usize, request.picker());
        loop {
            // Opening a source and waiting for its first keyframe may take all the time there is;
            // ffmpeg watches the connection itself.
            let patience =
                if frames.is_empty() { late } else { Instant::now() + self.config.connect_timeout };
            let until = patience.min(late);
            let past = || if until == late { End::Late } else { End::Silent };
            let note = match timeout_at(until, announced.recv()).await {
                Ok(Some(note)) => note,
                Ok(None) => return (frames, End::Closed),
                Err(_) => return (frames, past()),
            };
            // A stream that changes its size begins another clip; this one ends here.
            if frames.first().is_some_and(|frame| frame.size() != note.size) {
                return (frames, End::Enough);
            }
            let Some(bytes) = Frame::bytes_of(note.size) else { return (frames, End::TooLarge) };
            if held + bytes > self.config.max_bytes {
                return (frames, End::TooLarge);
            }
            let mut buffer = BytesMut::zeroed(bytes);
            match timeout_at(until, samples.read_exact(&mut buffer)).await {
                Ok(Ok(_)) => {}
                Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return (frames, End::Closed),
                Ok(Err(e)) => return (frames, End::Broken(e.to_string())),
                Err(_) => return (frames, past()),
            }
            if frames.is_empty() && !note.keyframe {
                continue;
            }
            let timestamp = timestamp(&note, &mut first, frames.last());
            if !picker.takes(timestamp, note.keyframe) {
                continue;
            }
            match Frame::new(timestamp, note.keyframe, note.size, &buffer.freeze()) {
                Ok(frame) => frames.push(frame),
                Err(e) => return (frames, End::Broken(e.to_string())),
            }
            held += bytes;
            if !picker.runs() {
                return (frames, End::Enough);
            }
        }
    }

    /// Makes the clip, or says why there is none.
    fn conclude(
        &self,
        source: &Source,
        request: &ClipRequest,
        notes: Notes,
        frames: Vec<Frame>,
        end: End,
    ) -> Result<Clip, (Kind, String)> {
        let covered = frames.last().map_or(Duration::ZERO, |frame| frame.timestamp);
        let so_far =
            |what: String| format!("after {} frames in {:.1} s: {what}", frames.len(), covered.as_secs_f64());
        let half = frames.len() >= request.min_frames() as usize && covered >= request.span() / 2;
        // A file or a snapshot has what it has; only a stream can break off.
        let streams = match source.kind() {
            SourceKind::Rtsp => true,
            SourceKind::Http => !notes.has_duration && !is_picture(&notes),
            SourceKind::File => false,
        };
        let usable = half || (!streams && !frames.is_empty());
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
        let Some((width, height)) = frames.first().map(Frame::size) else {
            return Err((Kind::NothingDecodes, "no frame".into()));
        };
        let info = ClipInfo {
            width,
            height,
            range: if notes.full_range { SampleRange::Full } else { SampleRange::Limited },
            frame_rate: notes.frame_rate,
            codec: notes.codec,
            live: streams,
        };
        Clip::new(info, notes.evidence, frames).map_err(|e| (Kind::FfmpegFailed, e.to_string()))
    }
}

fn no_handover(error: &io::Error) -> String {
    format!("the address could not be handed to ffmpeg: {error}")
}

/// Time after the clip's first frame. A stream without timestamps, or whose clock jumps back,
/// stands still rather than going backwards.
fn timestamp(note: &FrameNote, first: &mut Option<f64>, last: Option<&Frame>) -> Duration {
    let before = last.map_or(Duration::ZERO, |frame| frame.timestamp);
    let Some(seconds) = note.seconds else { return before };
    let first = *first.get_or_insert(seconds);
    duration(seconds - first).max(before)
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

/// Reads the log to its end, and announces frames as they are told of. `address` is what ffmpeg was told to open.
async fn read_log(
    stderr: impl AsyncRead + Unpin,
    source: &Source,
    address: &str,
    announce: mpsc::UnboundedSender<FrameNote>,
) -> Notes {
    let mut notes = Notes::default();
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut begun = false;
    // A live stream is always joined in its middle; a recording where its first frame is no keyframe.
    let mut joined = source.kind() != SourceKind::File;
    while matches!(read_line(&mut lines, &mut line).await, Ok(true)) {
        let mut text = String::from_utf8_lossy(&line);
        if source.kind() != SourceKind::File && text.contains(address) {
            text = text.replace(address, &source.to_string()).into();
        }
        if let Some(note) = notes.read(&text, source) {
            if note.keyframe && !begun {
                begun = true;
                if joined {
                    notes.forget_complaints();
                }
            }
            joined |= !begun;
            // Nobody listens any more once there are enough; the log is read on for its own sake.
            drop(announce.send(note));
        }
    }
    notes
}

/// Reads one line, of which no more than [`MAX_LINE_BYTES`] are kept. False at the end.
async fn read_line(lines: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let chunk = lines.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let (part, ended) = match chunk.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            Some(at) => (chunk.get(..at).unwrap_or_default(), true),
            None => (chunk, false),
        };
        let room = MAX_LINE_BYTES.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let used = part.len() + usize::from(ended);
        lines.consume(used);
        if ended {
            return Ok(true);
        }
    }
}
