//! What a capture asked, what it was answered and how long each step took, for a person who wants to know why. It is
//! written by the code that reads cameras, whoever that works for; where nobody listens nothing is kept, put into
//! words or counted. Secrets are masked as it is written.

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

/// Steps that are kept; a camera that sends on for ever has no more to say by then.
const MAX_STEPS: usize = 500;
/// Characters of one text.
const MAX_CHARS: usize = 600;

/// What a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// The host's name became addresses.
    Resolve,
    /// A connection was made, with its encryption where it has one.
    Connect,
    /// A request and its answer.
    Request,
    /// What a camera offers, or what lies at an address.
    Content,
    /// ffmpeg reads it instead of this program.
    HandedOver,
    /// What ffmpeg opens by itself.
    Opened,
    /// The first packet of video arrived.
    FirstPacket,
    /// The first picture that decoding can begin with arrived.
    FirstKeyframe,
    /// ffmpeg was started.
    Decoder,
    /// The first decoded picture is there.
    FirstPicture,
}

impl StepKind {
    /// The stable word for programs.
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

/// One step, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub kind: StepKind,
    /// What was asked of whom; may be empty.
    pub asked: String,
    /// What came of it.
    pub answered: String,
    /// Time from the beginning to its end.
    pub at: Duration,
    /// Time from the end of the step before to its own.
    pub took: Duration,
}

/// All that a journal has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// In their order.
    pub steps: Vec<Step>,
    /// What was measured of the stream.
    pub measured: Measured,
}

/// Whoever is told of each step as it happens.
type Listener = Box<dyn Fn(&Step) + Send>;

/// Where a capture writes what it does. The default is nowhere, which costs one look at a pointer.
#[derive(Clone, Default)]
pub struct Journal(Option<Arc<Mutex<Pages>>>);

struct Pages {
    /// Those whose secrets must not be shown.
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
    /// Of one capture of this source; `listener` is told of each step as it happens.
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

    /// What was written so far.
    #[must_use]
    pub fn record(&self) -> Record {
        self.0.as_ref().map_or_else(Record::default, |pages| {
            let pages = pages.lock();
            Record { steps: pages.steps.clone(), measured: pages.tally.measured() }
        })
    }

    /// Whether anybody listens.
    pub(crate) const fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a step that is over now: what was asked, and what came of it.
    pub(crate) fn write(&self, kind: StepKind, words: impl FnOnce() -> (String, String)) {
        let Some(pages) = &self.0 else { return };
        let (asked, answered) = words();
        pages.lock().write(kind, &asked, &answered);
    }

    /// Writes a step that happens once, at its first time.
    pub(crate) fn write_once(&self, kind: StepKind, words: impl FnOnce() -> String) {
        let Some(pages) = &self.0 else { return };
        let mut pages = pages.lock();
        if !pages.steps.iter().any(|step| step.kind == kind) {
            pages.write(kind, "", &words());
        }
    }

    /// Writes a request: who it says that it is, and its answer.
    pub(crate) fn write_request(&self, request: &str, authorization: Option<&str>, answer: String) {
        self.write(StepKind::Request, || {
            let way = authorization.map_or_else(String::new, |value| format!(" ({})", auth::way(value)));
            (format!("{request}{way}"), answer)
        });
    }

    /// Writes that a step failed, and hands the failure on.
    pub(crate) fn failed(&self, kind: StepKind, asked: &str, failure: Failure) -> Failure {
        self.write(kind, || (asked.to_owned(), failure.detail.clone()));
        failure
    }

    /// There are secrets in this address too.
    pub(crate) fn has_secrets(&self, address: &Url) {
        if let Some(pages) = &self.0 {
            pages.lock().sources.push(Source::Remote(address.clone()));
        }
    }

    /// Counts.
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

    /// Without secrets, and without what could steer a terminal.
    fn shown(&self, text: &str) -> String {
        let text = self.sources.iter().fold(text.to_owned(), |text, source| source.scrub(&text));
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect()
    }
}

/// The headers of an answer that tell something of a camera, in the order of `wanted`.
pub(crate) fn headers<'a>(
    wanted: &[&str],
    mut all: impl FnMut(&str) -> Option<std::borrow::Cow<'a, str>>,
) -> String {
    let mut told = String::new();
    for name in wanted {
        let Some(value) = all(name) else { continue };
        let value = if name.eq_ignore_ascii_case("session") {
            // The number of a session lets others end it.
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
