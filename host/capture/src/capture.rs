//! The settings and the result of a capture, and the choice of the module that reads the source.

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

/// The transport that is requested over RTSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtspTransport {
    /// TCP first, and UDP if the camera refuses TCP.
    #[default]
    Auto,
    /// TCP: lost data is retransmitted.
    Tcp,
    /// UDP.
    Udp,
}

impl RtspTransport {
    /// Returns the transport that this word names in settings. None if the word names no transport.
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

/// The settings of a capture.
#[derive(Debug, Clone)]
pub struct CaptureConfig {
    /// The ffmpeg program: a path, or a name that is searched in `PATH`.
    pub ffmpeg: PathBuf,
    /// The time limit for a server's answer. It is also the longest time for which a stream may be silent.
    pub connect_timeout: Duration,
    /// The transport that is requested over RTSP.
    pub rtsp_transport: RtspTransport,
    /// The time limit of a whole capture, in addition to the requested span.
    pub deadline: Duration,
    /// The largest number of bytes of decoded samples in one clip. A clip that would be larger ends before the first
    /// frame that does not fit. If the clip then is too short or has too few frames, the capture fails.
    pub max_bytes: usize,
    /// The limit of the ffmpeg process's address space in bytes. The program itself needs about 450 MiB. The rest is
    /// for pictures: a decoder holds up to seventeen pictures from which other pictures are predicted.
    pub memory_bytes: u64,
    /// The journal of requests and answers. By default nothing is recorded.
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
            // Enough for seventeen pictures of 7680 × 4320.
            memory_bytes: 1536 << 20,
            journal: Journal::default(),
        }
    }
}

/// The result of [`Capturer::capture_part`], which captures a clip in two parts.
#[derive(Debug)]
pub enum Capture<T> {
    /// The first part was enough. The value is the caller's answer to the first part.
    Enough(T),
    /// The whole clip was captured.
    Whole(Clip),
}

/// Makes clips from sources.
#[derive(Debug, Clone)]
pub struct Capturer {
    config: CaptureConfig,
    admission: Option<Admission>,
}

impl Capturer {
    /// Makes a capturer with this configuration.
    #[must_use]
    pub const fn new(config: CaptureConfig) -> Self {
        Self { config, admission: None }
    }

    /// Returns a copy that waits for admission before it decodes. The waiting time does not count towards the
    /// deadline.
    #[must_use]
    pub fn admitted_by(&self, admission: Admission) -> Self {
        Self { config: self.config.clone(), admission: Some(admission) }
    }

    /// Checks whether a camera accepts a connection before the time `within` has passed. No request is sent. A file
    /// always counts as reachable.
    ///
    /// # Errors
    ///
    /// [`CaptureError`], the same as a capture would return.
    pub async fn reach(&self, source: &Source, within: Duration) -> Result<(), CaptureError> {
        match source {
            Source::Remote(url) => reach(url, within).await.map_err(|failure| failure.of(source)),
            Source::File(_) => Ok(()),
        }
    }

    /// Captures a clip. The clip may have fewer frames than requested if the source has no more (a snapshot has
    /// one). Dropping the future ends the ffmpeg process.
    ///
    /// # Errors
    ///
    /// [`CaptureError`], also if a stream breaks off before half of the span.
    pub async fn capture(&self, source: &Source, request: &ClipRequest) -> Result<Clip, CaptureError> {
        match self.capture_part(source, request, request, |_| ready(None::<Infallible>)).await? {
            Capture::Whole(clip) => Ok(clip),
            Capture::Enough(never) => match never {},
        }
    }

    /// Captures a clip in two parts. As soon as the frames that `part` requests have been read, `enough` receives
    /// a clip of these frames. If `enough` returns an answer, the capture ends. Otherwise the capture continues to
    /// its end, and the clip has all frames from the first one on. If the source ends before the first part is
    /// complete, or if `part` equals `request`, the source is captured as a whole.
    ///
    /// # Errors
    ///
    /// The same as [`Capturer::capture`].
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

    /// Checks whether the ffmpeg program can be started at all. The process is ended at once.
    ///
    /// # Errors
    ///
    /// The error of the operating system if the program cannot be started.
    pub async fn probe(&self) -> io::Result<()> {
        let mut program = Command::new(confinement::located(&self.config.ffmpeg));
        program.env_clear().envs(confinement::environment());
        program.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = program.kill_on_drop(true).spawn()?;
        // The process may have ended already.
        drop(child.start_kill());
        child.wait().await.map(drop)
    }
}

/// Returns the failure for a stream that was left to ffmpeg. The camera has answered, so a timeout is not reported
/// as a missing answer.
fn of_foreign(what: &str, failure: Failure) -> Failure {
    match failure.kind {
        CaptureErrorKind::ConnectTimedOut => {
            let detail = format!("video as {what}, from which ffmpeg makes no picture: {}", failure.detail);
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
    /// The deadline of the capture.
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

    /// Waits until the job may decode, and extends the deadline by the waiting time.
    pub(crate) async fn admitted(self) -> Self {
        let Some(admission) = self.admission else { return self };
        let asked = Instant::now();
        admission.wait().await;
        Self { late: self.late + asked.elapsed(), ..self }
    }

    /// Records that the source is left to ffmpeg, and the reason.
    fn hand_over(self, what: &str) {
        tracing::debug!(source = %self.source, what, "ffmpeg reads the source itself");
        self.config.journal.write(StepKind::HandedOver, || (String::new(), what.to_owned()));
    }

    /// Adds the time limit to the failure if time ran out before the camera answered.
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
