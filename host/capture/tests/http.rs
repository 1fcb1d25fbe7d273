//! Tests of HTTP sources, with a small server that sends exactly the bytes that a test specifies.

#![cfg(test)]

mod media;

use std::{fs, time::Duration};

use easysight_capture::Source;
use media::{IN_FULL, STILL, STRETCH, capture, failure, h264, has_ffmpeg, make};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Answers every connection in the same way: reads the head of the request, writes `pieces`, then closes the
/// connection or holds it open.
async fn serve(pieces: Vec<Vec<u8>>, hold: bool) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/stream", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, pieces.clone(), hold));
        }
    });
    (address, server)
}

async fn answer(mut stream: TcpStream, pieces: Vec<Vec<u8>>, hold: bool) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    for piece in pieces {
        if stream.write_all(&piece).await.is_err() {
            return;
        }
    }
    if hold {
        // Waits until the client gives up.
        drop(stream.read(&mut [0]).await);
    }
}

fn response(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_snapshot_is_a_clip_of_one_frame() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let jpeg = fs::read(make(dir.path(), "a.jpg", "-f lavfi -i testsrc2=size=320x180 -frames:v 1")).unwrap();
    let (url, _server) = serve(vec![response("200 OK", "image/jpeg", &jpeg)], false).await;
    let source: Source = url.parse().unwrap();
    let clip = capture(&source, STILL).await.unwrap();
    assert_eq!((clip.frames().len(), clip.info().live), (1, false));
    // The clip is the same if more was requested: the diagnosis decides whether a snapshot is enough.
    for more in [STRETCH, IN_FULL] {
        assert_eq!(capture(&source, more).await.unwrap().frames().len(), 1);
    }
}

#[tokio::test]
async fn a_recording_over_http_is_read() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = fs::read(h264(dir.path(), "a.mkv", 4)).unwrap();
    let (url, _server) = serve(vec![response("200 OK", "video/x-matroska", &file)], false).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_secs(3));
}

#[tokio::test]
async fn each_refusal_has_its_own_word() {
    if !has_ffmpeg() {
        return;
    }
    for (status, word) in [
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "not-found"),
        ("500 Internal Server Error", "server-error"),
        ("503 Service Unavailable", "server-error"),
    ] {
        let (url, _server) = serve(vec![response(status, "text/plain", b"no")], false).await;
        assert_eq!(failure(&url, STILL).await, word, "{status}");
    }
    let page = b"<html>log in first</html>".repeat(50);
    let (url, _server) = serve(vec![response("200 OK", "text/html", &page)], false).await;
    assert_eq!(failure(&url, STILL).await, "not-media");
}

#[tokio::test]
async fn hosts_that_are_not_there_are_told_apart() {
    if !has_ffmpeg() {
        return;
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(failure(&format!("http://{closed}/"), STILL).await, "connection-refused");
    assert_eq!(failure(&format!("rtsp://{closed}/"), STILL).await, "connection-refused");
    assert_eq!(failure("http://camera.invalid/", STILL).await, "no-such-host");
    assert_eq!(failure("rtsp://camera.invalid/", STILL).await, "no-such-host");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    if !has_ffmpeg() {
        return;
    }
    let (url, _server) = serve(vec![], true).await;
    assert_eq!(failure(&url, STILL).await, "connect-timed-out");
    let rtsp = url.replace("http://", "rtsp://");
    assert_eq!(failure(&rtsp, STILL).await, "connect-timed-out");
}

#[tokio::test]
async fn plain_http_where_tls_is_wanted_is_told_so() {
    if !has_ffmpeg() {
        return;
    }
    let (url, _server) = serve(vec![response("400 Bad Request", "text/plain", b"no")], false).await;
    let tls = url.replace("http://", "https://");
    // The test server waits for the end of a plain-text head, which never arrives. Even the server's answer would not
    // be TLS.
    let kind = failure(&tls, STILL).await;
    assert!(["tls-failed", "connect-timed-out"].contains(&kind), "{kind}");
}

/// The way in which a camera sends Motion JPEG.
#[derive(Debug, Clone, Copy)]
struct Motion {
    head: &'static str,
    before: &'static str,
    after: &'static str,
    every: Duration,
    count: usize,
    hold: bool,
}

const MOTION: Motion = Motion {
    head: "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=next\r\n\r\n",
    before: "--next\r\nContent-Type: image/jpeg\r\n\r\n",
    after: "\r\n",
    every: Duration::from_millis(100),
    count: 1_000,
    hold: true,
};

/// Sends pictures at a fixed rate.
async fn send(motion: Motion, jpeg: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/stream", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(send_pictures(stream, motion, jpeg.clone()));
        }
    });
    (address, server)
}

async fn send_pictures(mut stream: TcpStream, motion: Motion, jpeg: Vec<u8>) {
    assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
    stream.write_all(motion.head.as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(motion.every);
    for _ in 0..motion.count {
        pace.tick().await;
        let part = [motion.before.as_bytes(), &jpeg, motion.after.as_bytes()].concat();
        if stream.write_all(&part).await.is_err() {
            return;
        }
    }
    if motion.hold {
        drop(stream.read(&mut [0]).await);
    }
}

fn picture(dir: &tempfile::TempDir) -> Vec<u8> {
    fs::read(make(dir.path(), "a.jpg", "-f lavfi -i testsrc2=size=320x180 -frames:v 1")).unwrap()
}

#[tokio::test]
async fn a_motion_jpeg_stream_is_live_and_its_end_is_a_loss() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let jpeg = picture(&dir);
    let (url, _server) = send(MOTION, jpeg.clone()).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    assert!(clip.info().live && clip.frames().len() >= 15, "{}", clip.frames().len());
    assert_eq!(clip.info().codec.as_deref(), Some("mjpeg"));
    // The rate is the camera's frame rate, regardless of the number of pictures in the clip.
    let rate = clip.info().frame_rate.unwrap();
    assert!((8.0..12.0).contains(&rate), "{rate}");
    let (url, _server) = send(Motion { count: 10, hold: false, ..MOTION }, jpeg.clone()).await;
    assert_eq!(failure(&url, STRETCH).await, "ended-early");
    let (url, _server) = send(Motion { count: 10, ..MOTION }, jpeg).await;
    assert_eq!(failure(&url, STRETCH).await, "stalled");
}

#[tokio::test]
async fn damage_in_the_pictures_of_a_stream_is_evidence_of_each() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let sound = picture(&dir);
    let (url, _server) = send(MOTION, sound.clone()).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    assert_eq!(clip.evidence().corrupt_frames, 0, "{:?}", clip.evidence());
    // The damage is in the middle of the coded data, so that the decoder still shows a whole picture.
    let mut damaged = sound;
    let middle = damaged.len() / 2;
    for (at, byte) in [(0, 0x5A), (40, 0x13), (90, 0xC7)] {
        damaged[middle + at] = byte;
    }
    let (url, _server) = send(MOTION, damaged).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    let frames = u32::try_from(clip.frames().len()).unwrap();
    assert!(frames >= 15 && clip.evidence().corrupt_frames >= frames, "{:?}", clip.evidence());
}

#[tokio::test]
async fn time_is_that_of_arrival_however_slow_a_camera_is() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let every = Duration::from_millis(1_000);
    let (url, _server) = send(Motion { every, ..MOTION }, picture(&dir)).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    let at: Vec<_> = clip.frames().iter().map(|frame| frame.timestamp.as_millis()).collect();
    assert!(
        at.iter().zip([0_u128, 1_000, 2_000, 3_000]).all(|(at, wanted)| at.abs_diff(wanted) < 200),
        "{at:?}"
    );
    // There are fewer frames than requested, but three seconds of them are enough.
    let clip = capture(&url.parse().unwrap(), IN_FULL).await.unwrap();
    assert!(clip.frames().len() < 25 && clip.frames().last().unwrap().timestamp >= Duration::from_secs(2));
}

#[tokio::test]
async fn motion_jpeg_is_read_whatever_stands_between_the_pictures() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let jpeg = picture(&dir);
    let quoted = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=\"next\"\r\n\r\n";
    let plain = "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n";
    let wrong = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n";
    for motion in [
        Motion { head: quoted, ..MOTION },
        Motion { before: "next\n", ..MOTION },
        Motion { before: "--other\r\nContent-Length: 7\r\n\r\n", ..MOTION },
        Motion { before: "", after: "\r\nsome words\r\n", ..MOTION },
        Motion { head: plain, before: "", after: "", ..MOTION },
        Motion { head: wrong, ..MOTION },
    ] {
        let (url, _server) = send(motion, jpeg.clone()).await;
        let clip = capture(&url.parse().unwrap(), IN_FULL).await;
        let clip = clip.unwrap_or_else(|error| panic!("{motion:?}: {error}"));
        assert!(clip.info().live && clip.frames().len() >= 10, "{motion:?}");
        assert_eq!(clip.evidence().corrupt_frames, 0, "{motion:?}");
    }
}

#[tokio::test]
async fn a_snapshot_is_judged_when_its_last_byte_is_there() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let jpeg = picture(&dir);
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut chunks = vec![chunked];
    for part in jpeg.chunks(1_000) {
        chunks.push([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    }
    let longer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", jpeg.len() + 5_000).into_bytes();
    let cut = jpeg[..jpeg.len() / 2].to_vec();
    for (pieces, hold) in [
        (vec![head.clone(), jpeg.clone()], true),
        (vec![head.clone(), jpeg.clone(), b"dhav and more".to_vec()], false),
        (vec![longer, jpeg.clone()], true),
        (chunks, true),
        (vec![response("200 OK", "image/jpeg", &cut)], false),
    ] {
        let (url, _server) = serve(pieces, hold).await;
        let began = std::time::Instant::now();
        let clip = capture(&format!("{url}.jpg").parse().unwrap(), STRETCH).await.unwrap();
        assert_eq!((clip.frames().len(), clip.info().live), (1, false));
        assert!(began.elapsed() < Duration::from_millis(2_500));
    }
}

#[tokio::test]
async fn a_camera_that_hangs_up_is_told_so() {
    if !has_ffmpeg() {
        return;
    }
    let (url, _server) = serve(vec![], false).await;
    for url in [url.clone(), url.replace("http://", "rtsp://")] {
        let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
        assert_eq!((error.kind.code(), error.is_camera_fault()), ("hung-up", true), "{error}");
    }
    let (url, _server) = serve(vec![b"SSH-2.0-dropbear\r\n".to_vec()], false).await;
    for url in [url.clone(), url.replace("http://", "rtsp://")] {
        let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
        assert!(error.is_camera_fault(), "{error}");
    }
    let (url, _server) = serve(vec![response("200 OK", "image/jpeg", b"")], false).await;
    assert_eq!(failure(&url, STILL).await, "ended-early");
}

#[tokio::test]
async fn where_a_camera_sends_on_to_is_asked_without_the_password_unless_it_is_itself() {
    if !has_ffmpeg() {
        return;
    }
    let moved =
        |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let (url, _server) = serve(vec![moved("/stream")], false).await;
    let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
    assert_eq!(error.kind.code(), "server-error");
    assert!(error.detail.contains("redirects"), "{error}");
    let (url, _server) = serve(vec![moved("rtsp://127.0.0.1/")], false).await;
    assert_eq!(failure(&url, STILL).await, "server-error");
    // The same machine under another name counts as another host.
    let (asks, _other) = serve(
        vec![
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ],
        false,
    )
    .await;
    let (url, _server) = serve(vec![moved(&asks.replace("127.0.0.1", "localhost"))], false).await;
    let error = capture(&url.replace("http://", "http://admin:s3cretword@").parse().unwrap(), STILL)
        .await
        .unwrap_err();
    assert_eq!(error.kind.code(), "unauthorized");
    assert!(error.detail.contains("no user"), "{error}");
}

#[tokio::test]
async fn recordings_are_read_wherever_their_index_is() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = h264(dir.path(), "a.mp4", 4);
    let copy = |name: &str, how: &str| {
        fs::read(make(dir.path(), name, &format!("-i {} -c copy {how}", file.display()))).unwrap()
    };
    for (name, bytes) in [
        ("index at the end", fs::read(&file).unwrap()),
        ("index first", copy("b.mp4", "-movflags +faststart")),
        ("fragments", copy("c.mp4", "-movflags +frag_keyframe+empty_moov")),
        ("flv", copy("d.flv", "")),
        ("ts", copy("e.ts", "")),
        ("ps", copy("f.mpg", "-c:v mpeg2video -f vob")),
        ("none", copy("g.h264", "")),
    ] {
        let (url, _server) = serve(vec![response("200 OK", "application/octet-stream", &bytes)], false).await;
        let clip = capture(&url.parse().unwrap(), STRETCH).await;
        let clip = clip.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(clip.frames().last().unwrap().timestamp >= Duration::from_secs(2), "{name}");
    }
}

#[tokio::test]
async fn credentials_are_in_no_message() {
    if !has_ffmpeg() {
        return;
    }
    let (url, _server) = serve(vec![response("401 Unauthorized", "text/plain", b"no")], false).await;
    let url = url.replace("http://", "http://admin:s3cretword@") + "?pwd=s3cretword";
    let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cretword"), "{error}");
}
