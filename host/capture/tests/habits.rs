//! Tests with RTSP cameras that behave in unusual ways. If such a camera sends pictures, the pictures are captured.
//! Otherwise the error states the reason in the camera's own words.

#![cfg(test)]

mod admission;
mod camera;
mod media;

use std::{fs, time::Duration};

use camera::{Camera, Habits, Stamp};
use easysight_capture::{
    Capture, CaptureConfig, Capturer, Clip, ClipRequest, RtspTransport, Source, Stretch,
};
use media::{IN_FULL, STILL, STRETCH, capture, config, failure, has_ffmpeg, make};

/// Returns a moving picture without a container, with a keyframe every two seconds.
fn h264(dir: &tempfile::TempDir) -> Vec<u8> {
    let file = media::h264(dir.path(), "a.mp4", 8);
    fs::read(make(dir.path(), "a.h264", &format!("-i {} -c copy", file.display()))).unwrap()
}

fn milliseconds(clip: &Clip) -> Vec<u128> {
    clip.frames().iter().map(|frame| frame.timestamp.as_millis()).collect()
}

#[tokio::test]
async fn time_is_that_of_arrival_whatever_a_camera_s_clock_does() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bytes = h264(&dir);
    let clocks: [(&str, Stamp); 5] = [
        ("goes back", |n| (400_000_000 + n * 3_600 - if n < 30 { 0 } else { 324_000_000 }) as u32),
        ("goes ahead", |n| (n * 3_600 + if n < 30 { 0 } else { 324_000_000 }) as u32),
        ("is ahead now and then", |n| (n * 3_600 + if n % 10 == 5 { 90_000_000 } else { 0 }) as u32),
        ("stands still", |_| 4_711),
        ("wraps", |n| (u32::MAX - 50_000).wrapping_add((n * 3_600) as u32)),
    ];
    for (what, stamp) in clocks {
        let camera = Camera::start(&bytes, Habits { stamp, ..Habits::default() }).await;
        let clip = capture(&camera.url.parse().unwrap(), STRETCH).await;
        let at = milliseconds(&clip.unwrap_or_else(|error| panic!("{what}: {error}")));
        assert!((2_970..3_400).contains(at.last().unwrap()), "{what}: {at:?}");
        assert!(at.windows(2).all(|two| (80..330).contains(&(two[1] - two[0]))), "{what}: {at:?}");
    }
}

#[tokio::test]
async fn a_second_in_full_has_every_picture_at_its_time() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::start(&h264(&dir), Habits::default()).await;
    let clip = capture(&camera.url.parse().unwrap(), IN_FULL).await.unwrap();
    let at = milliseconds(&clip);
    // The load of the machine changes the times, but by less than a second.
    assert!((20..=26).contains(&at.len()) && at.is_sorted(), "{at:?}");
    assert!((900..2_000).contains(&at[at.len() - 1]), "{at:?}");
    assert_eq!((clip.info().codec.as_deref(), clip.info().frame_rate), (Some("h264"), Some(25.0)));
    assert!(clip.info().live && clip.frames()[0].keyframe && !clip.frames()[1].keyframe);
    let evidence = clip.evidence();
    assert_eq!((evidence.missed_packets, evidence.corrupt_frames, evidence.concealed_blocks), (0, 0, 0));
}

#[tokio::test]
async fn a_slow_camera_is_slow_and_not_dead() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::start(
        &h264(&dir),
        Habits { rate: 0.8, stamp: |n| (n * 112_500) as u32, ..Habits::default() },
    )
    .await;
    let source: Source = camera.url.parse().unwrap();
    let clip = capture(&source, STRETCH).await.unwrap();
    assert!((3..=4).contains(&clip.frames().len()));
    assert_eq!(clip.info().frame_rate, Some(0.8));
    // At this rate, a second has fewer pictures than requested.
    assert!(capture(&source, IN_FULL).await.unwrap().frames().len() < 10);
}

#[tokio::test]
async fn each_way_of_hanging_up_and_of_refusing_is_told_in_the_camera_s_words() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bytes = h264(&dir);
    let told = async |habits: Habits| {
        let camera = Camera::start(&bytes, habits).await;
        let error = capture(&camera.url.parse().unwrap(), STRETCH).await.unwrap_err();
        assert!(error.is_camera_fault(), "{error}");
        (error.kind.code(), error.detail)
    };
    for method in ["DESCRIBE", "SETUP", "PLAY"] {
        let (code, detail) = told(Habits { hangs_up_at: method, ..Habits::default() }).await;
        assert_eq!(code, "hung-up", "{detail}");
        assert!(detail.contains(method), "{detail}");
    }
    for (refuses, code, words) in [
        (&[("SETUP", "453 Not Enough Bandwidth")], "server-error", "SETUP: 453 Not Enough Bandwidth"),
        (&[("DESCRIBE", "454 Who Are You")], "server-error", "454 Who Are You"),
        (&[("PLAY", "403 Forbidden")], "forbidden", "PLAY: 403"),
        (&[("SETUP", "461 Unsupported transport")], "server-error", "461 Unsupported transport"),
    ] {
        let (found, detail) = told(Habits { refuses, ..Habits::default() }).await;
        assert_eq!(found, code, "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    let (code, detail) = told(Habits { pictures: 0, ..Habits::default() }).await;
    assert_eq!(code, "stalled", "{detail}");
    let (code, detail) = told(Habits { pictures: 20, ..Habits::default() }).await;
    assert_eq!(code, "stalled", "{detail}");
    assert!(detail.contains("frames"), "{detail}");
    let camera = Camera::start(&bytes, Habits { late_key: u64::MAX, ..Habits::default() }).await;
    assert_eq!(failure(&camera.url, STRETCH).await, "no-keyframe");
}

#[tokio::test]
async fn a_keyframe_that_comes_late_is_waited_for() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::start(&h264(&dir), Habits { late_key: 90, ..Habits::default() }).await;
    let clip = capture(&camera.url.parse().unwrap(), IN_FULL).await.unwrap();
    // Each picture has its arrival time, which the load of the machine changes.
    assert!((20..=26).contains(&clip.frames().len()), "{}", clip.frames().len());
    assert_eq!(clip.evidence().corrupt_frames, 0);
}

#[tokio::test]
async fn a_camera_that_takes_no_tcp_is_asked_over_udp_unless_that_is_not_wanted() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bytes = h264(&dir);
    for refusal in ["461 Unsupported transport", "406 Not Acceptable", "400 Bad Request"] {
        let camera = Camera::start(&bytes, Habits { refuses_tcp: Some(refusal), ..Habits::default() }).await;
        let source: Source = camera.url.parse().unwrap();
        let clip = capture(&source, IN_FULL).await.unwrap();
        assert!((20..=26).contains(&clip.frames().len()), "{}", clip.frames().len());
        let tcp = Capturer::new(CaptureConfig { rtsp_transport: RtspTransport::Tcp, ..config() });
        let error = tcp.capture(&source, &IN_FULL.into()).await.unwrap_err();
        assert!(error.detail.contains(refusal), "{error}");
    }
}

#[tokio::test]
async fn packets_that_are_lost_are_evidence() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::start(&h264(&dir), Habits { loses: 37, ..Habits::default() }).await;
    let clip = capture(&camera.url.parse().unwrap(), STRETCH).await.unwrap();
    assert!(clip.evidence().missed_packets > 3, "{:?}", clip.evidence());
}

#[tokio::test]
async fn what_is_enough_is_all_that_is_read() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut camera = Camera::start(&h264(&dir), Habits::default()).await;
    let source: Source = camera.url.parse().unwrap();
    let long = Stretch { span: Duration::from_secs(5), ..STRETCH };
    let request = ClipRequest::from(long);
    let part = request.within(Duration::from_secs(1));
    let capturer = Capturer::new(config());
    let enough =
        capturer.capture_part(&source, &request, &part, async |clip| Some(clip.frames().len())).await;
    let Capture::Enough(frames) = enough.unwrap() else { panic!("all was captured") };
    assert!((5..=8).contains(&frames), "{frames}");
    let whole = capturer.capture_part(&source, &request, &part, async |_| None::<()>).await;
    let Capture::Whole(clip) = whole.unwrap() else { panic!("nothing was enough") };
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_millis(4_980));
    let still = capture(&source, STILL).await.unwrap();
    assert_eq!(still.frames().len(), 1);
    let asked: Vec<_> = std::iter::from_fn(|| camera.asked.try_recv().ok()).collect();
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("PLAY ")).count(), 3, "{asked:?}");
}

#[tokio::test]
async fn an_encoder_that_refreshes_its_pictures_bit_by_bit_is_judged_without_a_keyframe() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let encode = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=12 -c:v libx264 -pix_fmt yuv420p";
    let refresh = "-x264-params intra-refresh=1:keyint=50:repeat-headers=1:bframes=0";
    let bytes = fs::read(make(dir.path(), "a.h264", &format!("{encode} {refresh} -f h264"))).unwrap();
    // The only keyframe of the stream is never sent.
    let camera = Camera::start(&bytes, Habits { late_key: u64::MAX, ..Habits::default() }).await;
    let clip = capture(&camera.url.parse().unwrap(), IN_FULL).await.unwrap();
    assert!((24..=26).contains(&clip.frames().len()), "{}", clip.frames().len());
    assert_eq!((clip.info().width, clip.evidence().corrupt_frames), (320, 0), "{:?}", clip.evidence());
}
