//! Captures from every simulated camera as workers do. There is one camera for each row of the table in
//! `docs/cameras.md`. The report must contain what the row states, and must not contain the password.

#![cfg(test)]

use std::{env, sync::Arc, time::Duration};

use easysight_cameras::{Media, PASSWORD, Row, Told, rows};
use easysight_capture::{
    CaptureConfig, CaptureError, Capturer, Clip, Journal, Quirk, Record, Source, Stretch,
};
use futures::{StreamExt, stream};

/// The number of cameras that are captured at the same time.
const TOGETHER: usize = 6;
/// The oddities that a busy machine may cause in any stream.
const OF_LOAD: [Quirk; 4] = [Quirk::SlowAnswers, Quirk::Pauses, Quirk::RateDiffers, Quirk::ClockRunsWrong];

/// Makes the video and the pictures that the cameras send. If this fails (ffmpeg is missing), prints the reason
/// and returns None. If the environment variable `CI` is set, the test fails instead.
fn media() -> Option<Arc<Media>> {
    match Media::make() {
        Ok(media) => Some(Arc::new(media)),
        Err(error) => {
            assert!(env::var_os("CI").is_none(), "{error:#}");
            eprintln!("SKIPPED: {error:#}");
            None
        }
    }
}

async fn captured(url: &str, seconds: u64) -> (Result<Clip, CaptureError>, Record) {
    let source: Source = url.parse().unwrap();
    let journal = Journal::of(&source, |_| ());
    let config = CaptureConfig {
        // A silent camera must not make the test slow.
        connect_timeout: Duration::from_secs(4),
        deadline: Duration::from_secs(10),
        journal: journal.clone(),
        ..CaptureConfig::default()
    };
    let stretch =
        Stretch { min_frames: 2, interval: Duration::from_millis(200), span: Duration::from_secs(seconds) };
    let captured = Capturer::new(config).capture(&source, &stretch.into()).await;
    (captured, journal.record())
}

/// Returns what is wrong with the report. None if the report is right.
async fn fault(row: &Row, media: &Arc<Media>) -> Option<String> {
    let camera = row.start(media).await.unwrap();
    let (captured, record) = captured(&camera.url, row.seconds).await;
    let shown = format!("{record:?} {:?}", captured.as_ref().err());
    let wrong = |what: String| Some(format!("{}: {what}\n  {shown}", row.name));
    if shown.contains(PASSWORD) {
        return wrong("the password is shown".into());
    }
    match (row.told, &captured) {
        (Told::Judged(wanted), Ok(clip)) => {
            let found = Quirk::of(&record, Some(clip));
            let missing: Vec<_> = wanted.iter().filter(|quirk| !found.contains(quirk)).collect();
            let other = |quirk: &&Quirk| {
                !wanted.contains(quirk) && !OF_LOAD.contains(quirk) && !follows(**quirk, wanted)
            };
            let other: Vec<_> = found.iter().filter(other).collect();
            if missing.is_empty() && other.is_empty() {
                None
            } else {
                wrong(format!("missing: {missing:?}; unexpected: {other:?}"))
            }
        }
        (Told::Reason(kind, words), Err(error)) => {
            let told = error.kind == kind && error.detail.contains(words);
            if told { None } else { wrong(format!("{error:?}; expected {kind} with {words:?}")) }
        }
        (Told::Judged(_), Err(error)) => wrong(format!("the capture failed: {error:?}")),
        (Told::Reason(..), Ok(_)) => wrong("the capture succeeded, but it must fail".into()),
    }
}

/// Returns true for damage that follows from lost packets.
fn follows(quirk: Quirk, wanted: &[Quirk]) -> bool {
    quirk == Quirk::Damaged && wanted.contains(&Quirk::PacketsLost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_every_camera_is_told_what_must_be() {
    let Some(media) = media() else { return };
    let wanted = env::var_os("CAMERA");
    let rows = rows::all().into_iter().filter(|row| wanted.as_ref().is_none_or(|name| name == row.name));
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty(), "there is no such camera");
    let faults: Vec<String> = stream::iter(&rows)
        .map(|row| fault(row, &media))
        .buffer_unordered(TOGETHER)
        .filter_map(async |fault| fault)
        .collect()
        .await;
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), rows.len(), faults.join("\n"));
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let mut names: Vec<_> = rows::all().iter().map(|row| row.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
