//! What a capture is given and what comes of it; how the source is read is for others to do.

use std::{convert::Infallible, future::ready, io, path::PathBuf, process::Stdio, time::Duration};

use tokio::{process::Command, time::Instant};
use url::Url;

use crate::{
    admission::Admission,
    clip::Clip,
    confinement, decoder,
    error::{CaptureError, CaptureErrorKind, Failure},
    fed::{self, Stream},
    http,
    journal::{Journal, StepKind},
    opened, piped,
    reach::reach,
    request::ClipRequest,
    rtsp,
    source::{Source, SourceKind},
};

/// How pictures are asked for over RTSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtspTransport {
    /// Over TCP, and over UDP where a camera refuses that.
    #[default]
    Auto,
    /// Over TCP: what is lost on the way is sent again.
    Tcp,
    /// Over UDP.
    Udp,
}

impl RtspTransport {
    /// By the word that settings have for it; none for another word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            _ => None,
        }
    }
}

/// How sources are read.
#[derive(Debug, Clone)]
pub struct CaptureConfig {
    /// The ffmpeg program: a name that is looked up in `PATH`, or a path.
    pub ffmpeg: PathBuf,
    /// How long a server may take to answer, and a stream may be silent.
    pub connect_timeout: Duration,
    /// How pictures are asked for over RTSP.
    pub rtsp_transport: RtspTransport,
    /// How long a capture may take as a whole, beside the span that was asked for.
    pub deadline: Duration,
    /// Bytes of decoded samples of one clip, at the most; a clip that would be larger is shorter.
    pub max_bytes: usize,
    /// Address space of the ffmpeg process. The program itself takes some 450 MiB of it; the rest is for
    /// pictures, of which a decoder holds up to seventeen that others are predicted from.
    pub memory_bytes: u64,
    /// Where it is written what is asked and answered; nowhere by default.
    pub journal: Journal,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            connect_timeout: Duration::from_secs(10),
            rtsp_transport: RtspTransport::Auto,
            deadline: Duration::from_secs(30),
            max_bytes: 256 << 20,
            // Seventeen pictures of 7680 × 4320.
            memory_bytes: 1536 << 20,
            journal: Journal::default(),
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
    admission: Option<Admission>,
}

impl Capturer {
    /// With this configuration.
    #[must_use]
    pub const fn new(config: CaptureConfig) -> Self {
        Self { config, admission: None }
    }

    /// The same, which waits to be let in before it decodes. The time that this takes counts for nothing.
    #[must_use]
    pub fn admitted_by(&self, admission: Admission) -> Self {
        Self { config: self.config.clone(), admission: Some(admission) }
    }

    /// Looks whether a camera takes a connection `within` a time, and asks it for nothing. A file is always there.
    ///
    /// # Errors
    ///
    /// [`CaptureError`], as a capture would say it.
    pub async fn reach(&self, source: &Source, within: Duration) -> Result<(), CaptureError> {
        match source {
            Source::Remote(url) => reach(url, within).await.map_err(|failure| failure.of(source)),
            Source::File(_) => Ok(()),
        }
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
        let late = Instant::now() + self.config.deadline + request.span();
        let admission = self.admission.as_ref();
        let job = Job { config: &self.config, source, request, part, late, admission };
        job.run(enough).await.map_err(|failure| job.told(failure).of(source))
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
}

/// Why there are no pictures of a camera that answered: time that is over is no want of an answer.
fn of_foreign(what: &str, failure: Failure) -> Failure {
    match failure.kind {
        CaptureErrorKind::ConnectTimedOut => {
            let detail = format!("video as {what}, of which ffmpeg makes no picture: {}", failure.detail);
            Failure::new(CaptureErrorKind::NothingDecodes, detail)
        }
        _ => failure,
    }
}

/// One capture.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) config: &'a CaptureConfig,
    pub(crate) source: &'a Source,
    pub(crate) request: &'a ClipRequest,
    pub(crate) part: &'a ClipRequest,
    /// When it has taken too long.
    pub(crate) late: Instant,
    pub(crate) admission: Option<&'a Admission>,
}

impl Job<'_> {
    async fn run<T, F: Future<Output = Option<T>>>(
        self,
        enough: impl FnOnce(Clip) -> F,
    ) -> Result<Capture<T>, Failure> {
        let Source::Remote(url) = self.source else { return opened::capture(self, enough).await };
        match (self.source.kind(), url.scheme()) {
            (SourceKind::Rtsp, "rtsp") => match rtsp::open(url, self.config, self.late).await? {
                rtsp::Opened::Playing(session) => fed::capture(self, Stream::Rtsp(session), enough).await,
                rtsp::Opened::Foreign(what) => {
                    self.hand_over(&what);
                    opened::capture(self, enough).await.map_err(|failure| of_foreign(&what, failure))
                }
            },
            (SourceKind::Http, _) if !decoder::is_playlist(url) => self.over_http(url, enough).await,
            (_, scheme) => {
                self.hand_over(if scheme == "rtsps" { scheme } else { "HLS" });
                opened::capture(self, enough).await
            }
        }
    }

    /// Waits until it may decode, and adds that time to what it may take.
    pub(crate) async fn admitted(self) -> Self {
        let Some(admission) = self.admission else { return self };
        let asked = Instant::now();
        admission.wait().await;
        Self { late: self.late + asked.elapsed(), ..self }
    }

    /// Says that it is left to ffmpeg, for this reason.
    fn hand_over(self, what: &str) {
        tracing::debug!(source = %self.source, what, "ffmpeg reads it by itself");
        self.config.journal.write(StepKind::HandedOver, || (String::new(), what.to_owned()));
    }

    /// With the time that there was, where that is over before a camera has answered.
    fn told(self, failure: Failure) -> Failure {
        let over = failure.kind == CaptureErrorKind::ConnectTimedOut && Instant::now() >= self.late;
        if !over || failure.detail.contains("not open") {
            return failure;
        }
        let detail = format!("{}: not open after {} s", failure.detail, self.config.deadline.as_secs());
        Failure { detail, ..failure }
    }

    async fn over_http<T, F: Future<Output = Option<T>>>(
        self,
        url: &Url,
        enough: impl FnOnce(Clip) -> F,
    ) -> Result<Capture<T>, Failure> {
        use piped::Content::{Body, Picture};
        match http::open(url, self.config, self.late).await? {
            http::Opened::Still(bytes, format) => {
                piped::capture(self, Picture(bytes.into()), format, enough).await
            }
            http::Opened::Motion(motion) => fed::capture(self, Stream::Motion(motion), enough).await,
            http::Opened::Container(body, format) => piped::capture(self, Body(body), format, enough).await,
            http::Opened::Whole(body) => {
                let file = body.download(http::MAX_DOWNLOAD_BYTES).await?;
                let source = Source::File(file.path().to_owned());
                let captured = opened::capture(Job { source: &source, ..self }, enough).await;
                let named = |detail: String| detail.replace(&source.to_string(), "the recording");
                captured.map_err(|failure| Failure { detail: named(failure.detail), ..failure })
            }
            http::Opened::Foreign(what) => {
                self.hand_over(what);
                opened::capture(self, enough).await
            }
        }
    }
}
