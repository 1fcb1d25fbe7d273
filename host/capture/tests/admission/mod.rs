//! Tests that a capture first waits for a camera, and then waits for admission before it decodes.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use easysight_capture::{Admission, CaptureErrorKind, Capturer, Source};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    camera::{Camera, Habits},
    media::{IN_FULL, config, h264, has_ffmpeg, make},
};

/// Returns a gate that admits one capture per permit, the number of captures that requested admission, and the permits.
fn gate() -> (Admission, Arc<AtomicU32>, Arc<Semaphore>) {
    let (asked, permits) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let (counted, granted) = (Arc::clone(&asked), Arc::clone(&permits));
    let admission = Admission::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let granted = Arc::clone(&granted);
        async move { granted.acquire_owned().await.unwrap().forget() }
    });
    (admission, asked, permits)
}

#[tokio::test]
async fn a_capture_asks_to_be_let_in_once_there_is_something_to_decode() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = h264(dir.path(), "a.mp4", 4);
    let bytes = fs::read(make(dir.path(), "a.h264", &format!("-i {} -c copy", file.display()))).unwrap();
    let good = Camera::start(&bytes, Habits::default()).await;
    let silent = Camera::start(&bytes, Habits { pictures: 0, ..Habits::default() }).await;
    for (source, asks) in [(good.url.clone(), 1), (silent.url.clone(), 0), (file.display().to_string(), 1)] {
        let (admission, asked, permits) = gate();
        let capturer = Capturer::new(config()).admitted_by(admission);
        let source: Source = source.parse().unwrap();
        let capturing = tokio::spawn(async move { capturer.capture(&source, &IN_FULL.into()).await });
        if asks > 0 {
            while asked.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            assert!(!capturing.is_finished());
            permits.add_permits(1);
        }
        assert_eq!(capturing.await.unwrap().is_ok(), asks > 0);
        assert_eq!(asked.load(Ordering::Relaxed), asks);
    }
}

#[tokio::test]
async fn the_time_at_the_gate_is_not_the_camera_s() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = h264(dir.path(), "a.mp4", 4);
    let bytes = fs::read(make(dir.path(), "a.h264", &format!("-i {} -c copy", file.display()))).unwrap();
    let camera = Camera::start(&bytes, Habits::default()).await;
    // The wait for admission is longer than a whole capture may take.
    let late = Admission::new(|| tokio::time::sleep(Duration::from_secs(5)));
    let short = easysight_capture::CaptureConfig { deadline: Duration::from_secs(3), ..config() };
    let capturer = Capturer::new(short).admitted_by(late);
    capturer.capture(&camera.url.parse().unwrap(), &IN_FULL.into()).await.unwrap();
}

#[tokio::test]
async fn whether_a_camera_takes_a_connection_is_found_out_without_asking_it_for_anything() {
    let capturer = Capturer::new(config());
    let reach = async |source: &str| {
        let reached = capturer.reach(&source.parse().unwrap(), Duration::from_secs(5)).await;
        reached.map_err(|error| error.kind)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["rtsp", "rtsps", "http", "https"] {
        assert_eq!(reach(&format!("{scheme}://admin:secret@{address}/live")).await, Ok(()), "{scheme}");
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        assert_eq!(stream.try_read(&mut [0; 64]).unwrap(), 0, "{scheme}: a request was sent");
    }
    drop(listener);
    assert_eq!(reach(&format!("rtsp://{address}/live")).await, Err(CaptureErrorKind::ConnectionRefused));
    let nobody = reach("rtsp://no-such-camera.invalid/live").await;
    assert_eq!(nobody, Err(CaptureErrorKind::NoSuchHost));
}

#[test]
fn every_reason_is_found_by_its_word() {
    for word in
        ["no-such-host", "connect-timed-out", "unauthorized", "stalled", "ended-early", "ffmpeg-failed"]
    {
        assert_eq!(CaptureErrorKind::of_code(word).map(CaptureErrorKind::code), Some(word));
    }
    assert_eq!(CaptureErrorKind::of_code("tired"), None);
}
