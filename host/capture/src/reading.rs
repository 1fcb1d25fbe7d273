//! Reads the output of ffmpeg: the frames, and the log with the facts about them and the decoder's complaints.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    capture::CaptureConfig,
    feed::Ledger,
    frame::Frame,
    journal::{Journal, StepKind},
    notes::{FrameNote, Notes, duration},
    request::{ClipRequest, Picker},
    source::{Source, SourceKind},
};

/// The largest number of bytes that are stored of a line in ffmpeg's log.
const MAX_LINE_BYTES: usize = 4 << 10;

/// Why reading frames ended.
pub(crate) enum End {
    /// There are enough frames.
    Enough,
    /// The next frame has another size and belongs to another clip.
    Changed,
    /// ffmpeg closed its output.
    Closed,
    /// No frame arrived within the time for which a stream may be silent.
    Silent,
    /// The deadline has passed.
    Late,
    /// With the next frame the clip would be too large.
    TooLarge,
    /// The samples could not be read, or do not form a frame.
    Broken(String),
}

/// The origin of a frame's time.
pub(crate) enum Times<'a> {
    /// The stream's own timestamps.
    Stream,
    /// The ledger, which has the arrival times of fed pictures. In this case, all frames that the decoder outputs
    /// belong to the clip.
    Fed(&'a Mutex<Ledger>),
}

/// The frames of a clip in progress. Frames before the first keyframe are skipped, because the decoder makes up
/// their content.
pub(crate) struct Reading<'a, R> {
    samples: R,
    times: Times<'a>,
    announced: mpsc::UnboundedReceiver<FrameNote>,
    picker: Picker,
    patience: Duration,
    max_bytes: usize,
    /// The deadline of the whole capture.
    pub(crate) late: Instant,
    pub(crate) frames: Vec<Arc<Frame>>,
    /// The time of the first frame, in seconds, from the origin `times`.
    first: Option<f64>,
    held: usize,
    journal: Journal,
}

impl<'a, R: AsyncRead + Unpin> Reading<'a, R> {
    pub(crate) fn new(
        config: &CaptureConfig,
        request: &ClipRequest,
        late: Instant,
        samples: R,
        announced: mpsc::UnboundedReceiver<FrameNote>,
        times: Times<'a>,
    ) -> Self {
        Self {
            samples,
            times,
            announced,
            picker: request.picker(),
            patience: config.connect_timeout,
            max_bytes: config.max_bytes,
            late,
            frames: Vec::new(),
            first: None,
            held: 0,
            journal: config.journal.clone(),
        }
    }

    /// Reads until there are enough frames, or until no more frames arrive.
    pub(crate) async fn rest(&mut self) -> End {
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }

    /// Reads until the clip has all frames of `part`. Returns the reason if reading ends earlier.
    pub(crate) async fn until(&mut self, mut part: Picker) -> Option<End> {
        while part.runs() {
            match self.next().await {
                Ok(None) => {}
                Ok(Some((timestamp, keyframe))) => drop(part.takes(timestamp, keyframe)),
                Err(end) => return Some(end),
            }
        }
        None
    }

    /// Reads one frame. If the frame became part of the clip, returns its time and whether it is a keyframe.
    async fn next(&mut self) -> Result<Option<(Duration, bool)>, End> {
        // Opening a source and waiting for its first keyframe may take until the deadline. Meanwhile ffmpeg, or
        // the code that feeds ffmpeg, limits how long the connection may be silent.
        let watched = self.frames.is_empty() || matches!(self.times, Times::Fed(_));
        let patience = if watched { self.late } else { Instant::now() + self.patience };
        let until = patience.min(self.late);
        let past = || if until == self.late { End::Late } else { End::Silent };
        let note = match timeout_at(until, self.announced.recv()).await {
            Ok(Some(note)) => note,
            Ok(None) => return Err(End::Closed),
            Err(_) => return Err(past()),
        };
        if self.frames.first().is_some_and(|frame| frame.size() != note.size) {
            return Err(End::Changed);
        }
        let Some(bytes) = Frame::bytes_of(note.size) else { return Err(End::TooLarge) };
        if self.held + bytes > self.max_bytes {
            return Err(End::TooLarge);
        }
        let mut buffer = BytesMut::zeroed(bytes);
        match timeout_at(until, self.samples.read_exact(&mut buffer)).await {
            Ok(Ok(_)) => {}
            Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(End::Closed),
            Ok(Err(e)) => return Err(End::Broken(e.to_string())),
            Err(_) => return Err(past()),
        }
        let fed = matches!(self.times, Times::Fed(_));
        if self.frames.is_empty() && !note.keyframe && !fed {
            return Ok(None);
        }
        let (width, height) = note.size;
        self.journal.write_once(StepKind::FirstPicture, || format!("{width} × {height}"));
        let timestamp = self.timestamp(&note);
        if !self.picker.takes(timestamp, note.keyframe) && !fed {
            return Ok(None);
        }
        match Frame::new(timestamp, note.keyframe, note.size, &buffer.freeze()) {
            Ok(frame) => self.frames.push(Arc::new(frame)),
            Err(e) => return Err(End::Broken(e.to_string())),
        }
        self.held += bytes;
        if self.picker.runs() { Ok(Some((timestamp, note.keyframe))) } else { Err(End::Enough) }
    }

    /// Returns the time of a frame, counted from the clip's first frame. If the stream has no timestamps or its
    /// clock jumps back, the time of the previous frame is returned.
    fn timestamp(&mut self, note: &FrameNote) -> Duration {
        let before = self.frames.last().map_or(Duration::ZERO, |frame| frame.timestamp);
        let seconds = match &self.times {
            Times::Stream => note.seconds,
            // The lowest bit is not part of the picture's place: this bit marks wanted frames.
            Times::Fed(ledger) => note
                .ticks
                .and_then(|ticks| ledger.lock().arrival(ticks / 2))
                .map(|arrival| arrival.as_secs_f64()),
        };
        let Some(seconds) = seconds else { return before };
        let first = *self.first.get_or_insert(seconds);
        duration(seconds - first).max(before)
    }
}

/// Reads the log to its end, and announces the frames in it. `address` is the address that ffmpeg opens in place
/// of the source's own address. In the lines of the log, the source is put in place of this address.
pub(crate) async fn read_log(
    stderr: impl AsyncRead + Unpin,
    source: &Source,
    address: Option<&str>,
    announce: mpsc::UnboundedSender<FrameNote>,
    notes: &Mutex<Notes>,
    journal: &Journal,
) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut begun = false;
    // A live stream is always joined in the middle. A recording counts as joined in the middle if its first frame
    // is no keyframe.
    let mut joined = source.kind() != SourceKind::File;
    while matches!(read_line(&mut lines, &mut line).await, Ok(true)) {
        let mut text = String::from_utf8_lossy(&line);
        if let Some(address) = address
            && text.contains(address)
        {
            text = text.replace(address, &source.to_string()).into();
        }
        if journal.listens() {
            open(&text, journal);
        }
        let mut notes = notes.lock();
        if let Some(note) = notes.read(&text, source) {
            if note.keyframe && !begun {
                begun = true;
                if joined {
                    notes.forget_complaints();
                }
            }
            joined |= !begun;
            // The receiver is dropped once there are enough frames. The log is read to its end nevertheless,
            // because more facts may follow.
            drop(announce.send(note));
        }
    }
}

/// Records the addresses that ffmpeg opens itself, and the video stream that ffmpeg finds.
fn open(line: &str, journal: &Journal) {
    if let Some((_, opening)) = line.split_once("] Opening '")
        && let Some((address, _)) = opening.split_once("' for reading")
    {
        journal.write(StepKind::Opened, || (address.to_owned(), String::new()));
    } else if let Some((_, stream)) = line.split_once("Stream #0:")
        && let Some((_, video)) = stream.split_once("Video: ")
        && !stream.contains("rawvideo")
    {
        journal.write_once(StepKind::Content, || format!("video {video}"));
    }
}

/// Reads one line, and stores at most [`MAX_LINE_BYTES`] of it. Returns false at the end of the log.
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
