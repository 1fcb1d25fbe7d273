//! Cameras that are known to give no picture, and are not to be asked for one yet: it is looked whether they take a
//! connection. Where that is as it was, the finding says again what the last look found; where it changed, the camera
//! is looked at as any other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use easysight_capture::{CaptureError, CaptureErrorKind as Kind, Capturer, Source};
use easysight_diagnose::Captured;
use easysight_protocol::{Finding, Look, Lost};
use tokio::time::Instant;

/// How long a camera has to take a connection.
const WITHIN: Duration = Duration::from_secs(2);

/// What there is to tell of a camera that was asked for nothing.
pub(super) struct Spared {
    /// How much was looked at.
    pub(super) look: Look,
    /// That there is no picture.
    pub(super) captured: Captured,
    /// Whether it took a connection.
    pub(super) connects: bool,
}

/// What such a look showed.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The camera is to be asked for a picture now.
    Changed,
    /// It takes no connection any more, for this reason. That is all there is to know of it.
    Gone(CaptureError),
    /// It is as it was.
    Same(CaptureError),
}

/// Looks whether a camera that is lost takes a connection; none where it is to be asked for a picture.
pub(super) async fn look(capturer: &Capturer, source: &Source, lost: &Lost) -> Option<Spared> {
    let began = Instant::now();
    let (look, connects, error) = match judge(lost, capturer.reach(source, WITHIN).await) {
        Seen::Changed => return None,
        Seen::Gone(error) => (Look::Full, false, error),
        Seen::Same(error) => (Look::Connect, lost.connects, error),
    };
    Some(Spared { look, captured: Captured { clip: Err(error), elapsed: began.elapsed() }, connects })
}

fn judge(lost: &Lost, reached: Result<(), CaptureError>) -> Seen {
    match (lost.connects, reached) {
        (false, Ok(())) => Seen::Changed,
        // This machine lacks something, which tells nothing of the camera.
        (_, Err(error)) if !error.is_camera_fault() => Seen::Changed,
        (true, Err(error)) => Seen::Gone(error),
        (false, Err(error)) => Seen::Same(error),
        (true, Ok(())) => match Kind::of_code(&lost.reason) {
            Some(kind) => {
                let detail = format!(
                    "it takes connections, and was asked for nothing; asked for a picture at {}, it gave none; it is asked \
                     again by the first check after {}",
                    shown(lost.looked_at),
                    shown(lost.next_full_look_at)
                );
                Seen::Same(CaptureError { kind, detail, remote: true })
            }
            // A word of a later version.
            None => Seen::Changed,
        },
    }
}

fn shown(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Notes with the finding that there is no picture how much was looked at and whether the camera took a connection.
/// Where that is not known, and the reason does not tell, it is tried.
pub(super) async fn note(
    capturer: &Capturer,
    source: &Source,
    error: &CaptureError,
    look: Look,
    connects: Option<bool>,
    findings: &mut [Finding],
) {
    let connects = match (connects, error.kind) {
        (Some(known), _) => known,
        (None, Kind::NoSuchHost | Kind::ConnectionRefused | Kind::HostUnreachable) => false,
        (None, Kind::ConnectTimedOut) => capturer.reach(source, WITHIN).await.is_ok(),
        (None, _) => true,
    };
    for finding in findings.iter_mut().filter(|finding| finding.loss.is_some()) {
        finding.connects = Some(connects);
        if look == Look::Connect {
            finding.look = Some(look);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(reason: &str, connects: bool) -> Lost {
        let at = DateTime::UNIX_EPOCH;
        let reason = reason.to_owned();
        Lost { reason, connects, since: at, looks: 2, looked_at: at, next_full_look_at: at }
    }

    fn refused() -> CaptureError {
        CaptureError { kind: Kind::ConnectionRefused, detail: "refused".into(), remote: true }
    }

    #[test]
    fn a_camera_is_asked_where_anything_changed_for_the_better() {
        assert_eq!(judge(&lost("connect-timed-out", false), Ok(())), Seen::Changed);
        assert_eq!(judge(&lost("connect-timed-out", false), Err(refused())), Seen::Same(refused()));
        assert_eq!(judge(&lost("unauthorized", true), Err(refused())), Seen::Gone(refused()));
        assert_eq!(judge(&lost("a word of tomorrow", true), Ok(())), Seen::Changed);
        let lacking = CaptureError { kind: Kind::FfmpegFailed, ..refused() };
        assert_eq!(judge(&lost("unauthorized", true), Err(lacking)), Seen::Changed);
    }

    #[test]
    fn what_is_said_again_is_said_to_be_of_before() {
        let Seen::Same(error) = judge(&lost("unauthorized", true), Ok(())) else { panic!("it is the same") };
        assert_eq!(error.kind, Kind::Unauthorized);
        assert!(error.detail.contains("1970-01-01 00:00:00 UTC"), "{error}");
    }
}
