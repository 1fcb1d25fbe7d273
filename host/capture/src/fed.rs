//! Captures clips from streams that this program reads itself. ffmpeg only decodes: this program feeds it the pictures
//! of a stream one by one.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use crate::{
    capture::{Capture, Job},
    clip::Clip,
    conclusion::{clip_of, conclude_fed},
    decoder,
    error::{CaptureErrorKind as Kind, Failure},
    feed::{Fed, Feeder, Format, Ledger, Receiver, Sender, Stage, Unit, queue},
    frame::Frame,
    http::Motion,
    journal::{Journal, StepKind},
    notes::Notes,
    parts::{Read, read},
    process::Process,
    reading::{End, Reading, Times, read_log},
    rtsp::Session,
};

/// The largest number of times that a clip begins again because the picture size changed.
const MAX_CHANGES: usize = 2;

/// An open stream.
pub(crate) enum Stream {
    Rtsp(Box<Session>),
    Motion(Box<Motion>),
}

impl Stream {
    fn format(&self) -> Format {
        match self {
            Self::Rtsp(session) => session.format(),
            Self::Motion(_) => Motion::format(),
        }
    }

    /// Passes on pictures until no more arrive. Returns the reason for the end.
    async fn run(self, units: Sender, lost: &AtomicU32) -> Failure {
        match self {
            Self::Rtsp(session) => session.run(units, lost).await,
            Self::Motion(motion) => motion.run(units).await,
        }
    }
}

/// Captures a clip from the stream.
pub(crate) async fn capture<T, F: Future<Output = Option<T>>>(
    job: Job<'_>,
    stream: Stream,
    enough: impl FnOnce(Clip) -> F,
) -> Result<Capture<T>, Failure> {
    let format = stream.format();
    let lost = AtomicU32::new(0);
    let (sender, mut units) = queue();
    let mut network = pin!(stream.run(sender, &lost));
    let mut broke = None;
    let mut enough = Some(enough);
    let mut changes = 0;
    let decoded = loop {
        // `enough` can be called only once. After that call, the clip is read in one part.
        let part = if enough.is_some() { job.part } else { job.request };
        let mut decoding = pin!(decode(Job { part, ..job }, &format, &mut units, &lost, &mut enough));
        let decoded = loop {
            tokio::select! {
                decoded = &mut decoding => break decoded,
                why = &mut network, if broke.is_none() => broke = Some(why),
            }
        };
        // Some cameras have another resolution at night. The clip begins again with the new resolution.
        let has_changed = matches!(&decoded, Ok(Decoded::Whole(taken)) if matches!(taken.end, End::Changed));
        if !has_changed || changes == MAX_CHANGES {
            break decoded;
        }
        changes += 1;
    };
    match decoded? {
        Decoded::Enough(answer) => Ok(Capture::Enough(answer)),
        Decoded::Whole(taken) => {
            conclude_fed(job, &taken.notes, taken.frames, taken.end, Some(taken.fed), broke)
                .map(Capture::Whole)
        }
        Decoded::NoEntry(seen, late) => Err(no_entry(job, seen, late, broke)),
    }
}

/// The result of decoding.
enum Decoded<T> {
    Enough(T),
    Whole(Box<Taken>),
    /// Decoding cannot begin at any of the pictures that arrived. The first value is their number. The second is
    /// true if time ran out, and false if the camera stopped sending.
    NoEntry(u64, bool),
}

/// The output of the decoder.
struct Taken {
    notes: Notes,
    frames: Vec<Arc<Frame>>,
    end: End,
    fed: Fed,
}

async fn decode<T, F: Future<Output = Option<T>>>(
    job: Job<'_>,
    format: &Format,
    units: &mut Receiver,
    lost: &AtomicU32,
    enough: &mut Option<impl FnOnce(Clip) -> F>,
) -> Result<Decoded<T>, Failure> {
    let first = match entry(units, job.late).await {
        Ok(first) => first,
        Err((seen, late)) => return Ok(Decoded::NoEntry(seen, late)),
    };
    job.config
        .journal
        .write(StepKind::FirstKeyframe, || (String::new(), format!("{} bytes", first.data.len())));
    let lost_before = lost.load(Ordering::Relaxed);
    let job = job.admitted().await;
    let Job { config, source, request, part, .. } = job;
    let process = Process::start(config, decoder::fed_arguments(), true, config.deadline + request.span())?;
    let (stdout, stderr, stdin, mut end_of_it) = process.split();
    let Some(stdin) = stdin else {
        return Err(Failure::new(Kind::FfmpegFailed, "a pipe to ffmpeg is missing".into()));
    };
    let (announce, announced) = mpsc::unbounded_channel();
    let (notes, ledger) = (Mutex::new(Notes::default()), Mutex::new(Ledger::default()));
    let (stage, stages) = watch::channel(Stage::First);
    let feeder = Feeder::new(format, &ledger, request, part, stages, config.connect_timeout);
    let mut feeding = pin!(feeder.feed(first, units, stdin));
    let mut reading = Reading::new(config, request, job.late, stdout, announced, Times::Fed(&ledger));
    let told = |mut notes: Notes| {
        let ledger = ledger.lock();
        notes.fed(format.codec.name(), ledger.frame_rate(format), ledger.clock(format));
        notes.damaged(&ledger.damages);
        notes.evidence.missed_packets = lost.load(Ordering::Relaxed).saturating_sub(lost_before);
        notes
    };
    let frames = async {
        let show = |frames| clip_of(source, &told(notes.lock().clone()), frames).ok();
        let read = read(&mut reading, request, part, &stage, show, enough).await;
        // The end of the process ends the log too.
        end_of_it.kill();
        read
    };
    // The facts about the fed stream are known before ffmpeg reports them, so ffmpeg's reports are not written to
    // the journal.
    let unheard = Journal::default();
    let log = read_log(stderr, source, None, announce, &notes, &unheard);
    let mut fed = None;
    let read = {
        let mut decoding = pin!(async { tokio::join!(log, frames).1 });
        loop {
            tokio::select! {
                read = &mut decoding => break read,
                how = &mut feeding, if fed.is_none() => fed = Some(how),
            }
        }
    };
    let out_of_time = end_of_it.is_out_of_time().await;
    let end = match read {
        Read::Enough(answer) => return Ok(Decoded::Enough(answer)),
        Read::End(_) if out_of_time => End::Late,
        Read::End(end) => end,
    };
    let notes = told(notes.lock().clone());
    notes.starved(config)?;
    let fed = fed.unwrap_or(Fed::Refused);
    Ok(Decoded::Whole(Box::new(Taken { notes, frames: reading.frames, end, fed })))
}

/// Waits for the first picture at which decoding can begin. If no such picture arrives, returns the number of other
/// pictures that arrived, and true if time ran out.
async fn entry(units: &mut Receiver, late: Instant) -> Result<Unit, (u64, bool)> {
    let mut seen = 0;
    loop {
        match timeout_at(late, units.recv()).await {
            Ok(Some(unit)) if unit.entry.is_some() => return Ok(unit),
            Ok(Some(_)) => seen += 1,
            Ok(None) => return Err((seen, false)),
            Err(_) => return Err((seen, true)),
        }
    }
}

fn no_entry(job: Job<'_>, seen: u64, late: bool, broke: Option<Failure>) -> Failure {
    let seconds = (job.config.deadline + job.request.span()).as_secs();
    match broke.filter(|_| !late) {
        Some(broke) if seen > 0 => Failure::new(
            broke.kind,
            format!("after {seen} pictures, none of them a keyframe: {}", broke.detail),
        ),
        Some(broke) => broke,
        None if seen > 0 => {
            let detail = "is a keyframe or a recovery point, at which decoding can begin";
            Failure::new(Kind::NoKeyframe, format!("none of {seen} pictures in {seconds} s {detail}"))
        }
        None if late => Failure::new(Kind::Stalled, format!("no picture in {seconds} s")),
        None => Failure::new(Kind::EndedEarly, "no picture arrived".into()),
    }
}
