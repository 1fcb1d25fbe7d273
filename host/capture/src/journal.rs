//! The journal of a capture: the requests, the answers, and the duration of each step, for a person who wants to
//! know the reason for a result. The code that reads cameras writes to a journal in every capture. A journal
//! without a listener stores, formats and counts nothing. Secrets are masked when a step is written.

mod measured;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_address::masked;
use parking_lot::Mutex;
use url::Url;

pub(crate) use self::measured::Tally;
pub use self::measured::{Measured, Transport};
use crate::{auth, error::Failure, source::Source};

/// The largest number of steps that are stored. If a camera redirects endlessly, the later steps add no information.
const MAX_STEPS: usize = 500;
/// The largest number of characters of a request or a result.
const MAX_CHARS: usize = 600;

/// The subject of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// The host's name was resolved to addresses.
    Resolve,
    /// A connection was made, with encryption if the source uses it.
    Connect,
    /// A request was sent and answered.
    Request,
    /// The camera's offer, or the content of an address.
    Content,
    /// The source is left to ffmpeg.
    HandedOver,
    /// ffmpeg opened an address itself.
    Opened,
    /// The first packet of video arrived.
    FirstPacket,
    /// The first picture at which decoding can begin arrived.
    FirstKeyframe,
    /// ffmpeg was started.
    Decoder,
    /// The first picture was decoded.
    FirstPicture,
}

impl StepKind {
    /// Returns the stable identifier for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Content => "content",
            Self::HandedOver => "handed-over",
            Self::Opened => "opened",
            Self::FirstPacket => "first-packet",
            Self::FirstKeyframe => "first-keyframe",
            Self::Decoder => "decoder",
            Self::FirstPicture => "first-picture",
        }
    }
}

/// One step, with secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The subject of the step.
    pub kind: StepKind,
    /// The request and its target. This text may be empty.
    pub asked: String,
    /// The result.
    pub answered: String,
    /// The time from the beginning of the capture to the end of the step.
    pub at: Duration,
    /// The time from the end of the previous step to the end of this step.
    pub took: Duration,
}

/// The content of a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The steps in their order.
    pub steps: Vec<Step>,
    /// The measurements of the stream.
    pub measured: Measured,
}

/// Receives each step as it happens.
type Listener = Box<dyn Fn(&Step) + Send>;

/// The journal to which a capture writes its steps. The default journal stores nothing. It costs only one check of a
/// pointer for each step.
#[derive(Clone, Default)]
pub struct Journal(Option<Arc<Mutex<Pages>>>);

struct Pages {
    /// The sources whose secrets must not be shown.
    sources: Vec<Source>,
    begun: Instant,
    last: Instant,
    steps: Vec<Step>,
    tally: Tally,
    listener: Listener,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Journal(listening)" } else { "Journal" })
    }
}

impl Journal {
    /// Makes the journal of one capture of this source. `listener` receives each step as it happens.
    #[must_use]
    pub fn of(source: &Source, listener: impl Fn(&Step) + Send + 'static) -> Self {
        let now = Instant::now();
        Self(Some(Arc::new(Mutex::new(Pages {
            sources: vec![source.clone()],
            begun: now,
            last: now,
            steps: Vec::new(),
            tally: Tally::default(),
            listener: Box::new(listener),
        }))))
    }

    /// Returns the content that was written so far.
    #[must_use]
    pub fn record(&self) -> Record {
        self.0.as_ref().map_or_else(Record::default, |pages| {
            let pages = pages.lock();
            Record { steps: pages.steps.clone(), measured: pages.tally.measured() }
        })
    }

    /// Returns whether there is a listener.
    pub(crate) const fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a step that has just ended: the request and the result.
    pub(crate) fn write(&self, kind: StepKind, words: impl FnOnce() -> (String, String)) {
        let Some(pages) = &self.0 else { return };
        let (asked, answered) = words();
        pages.lock().write(kind, &asked, &answered);
    }

    /// Writes a step only if no step of this kind was written before.
    pub(crate) fn write_once(&self, kind: StepKind, words: impl FnOnce() -> String) {
        let Some(pages) = &self.0 else { return };
        let mut pages = pages.lock();
        if !pages.steps.iter().any(|step| step.kind == kind) {
            pages.write(kind, "", &words());
        }
    }

    /// Writes a request with its authentication method, and the answer.
    pub(crate) fn write_request(&self, request: &str, authorization: Option<&str>, answer: String) {
        self.write(StepKind::Request, || {
            let way = authorization.map_or_else(String::new, |value| format!(" ({})", auth::way(value)));
            (format!("{request}{way}"), answer)
        });
    }

    /// Writes that a step failed, and returns the failure.
    pub(crate) fn failed(&self, kind: StepKind, asked: &str, failure: Failure) -> Failure {
        self.write(kind, || (asked.to_owned(), failure.detail.clone()));
        failure
    }

    /// Adds an address whose secrets are masked too.
    pub(crate) fn has_secrets(&self, address: &Url) {
        if let Some(pages) = &self.0 {
            pages.lock().sources.push(Source::Remote(address.clone()));
        }
    }

    /// Updates the measurements.
    pub(crate) fn count(&self, counting: impl FnOnce(&mut Tally)) {
        if let Some(pages) = &self.0 {
            counting(&mut pages.lock().tally);
        }
    }
}

impl Pages {
    fn write(&mut self, kind: StepKind, asked: &str, answered: &str) {
        if self.steps.len() >= MAX_STEPS {
            return;
        }
        let now = Instant::now();
        let step = Step {
            kind,
            asked: self.shown(asked),
            answered: self.shown(answered),
            at: now.saturating_duration_since(self.begun),
            took: now.saturating_duration_since(self.last),
        };
        self.last = now;
        (self.listener)(&step);
        self.steps.push(step);
    }

    /// Masks secrets, and replaces control characters, which could control a terminal.
    fn shown(&self, text: &str) -> String {
        let text = self.sources.iter().fold(text.to_owned(), |text, source| source.scrub(&text));
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect()
    }
}

/// Formats the headers of an answer that are in `wanted`, in the order of `wanted`.
pub(crate) fn headers<'a>(
    wanted: &[&str],
    mut all: impl FnMut(&str) -> Option<std::borrow::Cow<'a, str>>,
) -> String {
    let mut told = String::new();
    for name in wanted {
        let Some(value) = all(name) else { continue };
        let value = if name.eq_ignore_ascii_case("session") {
            // Anybody who knows the id of a session can end the session, so the id is left out.
            let (_, parameters) = value.split_once(';').unwrap_or((&value, ""));
            parameters.trim().to_owned()
        } else if name.ends_with("ocation") || name.ends_with("ase") {
            masked(value.trim())
        } else {
            value.trim().to_owned()
        };
        if !value.is_empty() {
            told.push_str(&format!("; {name}: {value}"));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_into_words_where_nobody_listens() {
        let journal = Journal::default();
        journal.write(StepKind::Connect, || unreachable!());
        journal.write_once(StepKind::Decoder, || unreachable!());
        journal.count(|_| unreachable!());
        assert_eq!(journal.record(), Record::default());
    }

    #[test]
    fn secrets_are_masked_as_they_are_written() {
        let source: Source = "rtsp://admin:s3cretword@camera/live?token=t0kenword".parse().unwrap();
        let journal = Journal::of(&source, |step| assert!(!format!("{step:?}").contains("s3cretword")));
        journal.write(StepKind::Request, || {
            ("DESCRIBE rtsp://camera/live?token=t0kenword".into(), "200 admin:s3cretword\u{1b}[2J".into())
        });
        journal.has_secrets(&Url::parse("rtsp://other:0therword@camera/").unwrap());
        journal.write(StepKind::Request, || ("x".into(), "0therword".into()));
        let shown = format!("{:?}", journal.record());
        for secret in ["s3cretword", "t0kenword", "0therword", "\u{1b}"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("DESCRIBE rtsp://camera/live?token=***"), "{shown}");
    }
}
