//! Checks lost cameras before their next full check is due. A lost camera gave no picture at its last check. The worker
//! only tests whether such a camera accepts a connection, and compares the answer with that of the last check. If the
//! camera accepts connections again, the worker checks it like any other camera. If the camera no longer accepts
//! connections, the finding reports this. If nothing has changed, the finding repeats the result of the last check.

use std::time::Duration;

use chrono::{DateTime, Utc};
use easysight_capture::{CaptureError, CaptureErrorKind as Kind, Capturer, Source};
use easysight_diagnose::Captured;
use easysight_protocol::{Finding, Look, Lost};
use tokio::time::Instant;

/// The time limit for a camera to accept a connection.
const WITHIN: Duration = Duration::from_secs(2);

/// The result for a camera that was not asked for a picture.
pub(super) struct Spared {
    /// How much of the camera was checked.
    pub(super) look: Look,
    /// The capture, which contains no picture.
    pub(super) captured: Captured,
    /// True if the camera accepted a connection.
    pub(super) connects: bool,
}

/// The result of a connection check.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// A picture must be requested from the camera now.
    Changed,
    /// The camera no longer accepts connections, for this reason. Nothing else can be checked.
    Gone(CaptureError),
    /// Nothing has changed: the camera still gives no picture, for this reason.
    Same(CaptureError),
}

/// Checks whether a lost camera accepts a connection. Returns `None` if a picture must be requested from the camera.
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
        // The fault is in this machine, so the state of the camera is unknown.
        (_, Err(error)) if !error.is_camera_fault() => Seen::Changed,
        (true, Err(error)) => Seen::Gone(error),
        (false, Err(error)) => Seen::Same(error),
        (true, Ok(())) => match Kind::of_code(&lost.reason) {
            Some(kind) => {
                let detail = format!(
                    "the camera accepts connections; no picture was requested this time, because it gave none at {}; \
                     the first check after {} will request one",
                    shown(lost.looked_at),
                    shown(lost.next_full_look_at)
                );
                Seen::Same(CaptureError { kind, detail, remote: true })
            }
            // The reason comes from a later version and is unknown here.
            None => Seen::Changed,
        },
    }
}

fn shown(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Records in the finding of the missing picture how much was checked and whether the camera accepted a connection. If
/// neither `connects` nor the reason for the missing picture shows whether the camera accepted a connection, this
/// function tries to connect.
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
