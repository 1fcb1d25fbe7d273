//! HTTP sources, served by a few lines that say exactly what a test wants to hear.

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

/// Serves every connection alike: reads the request's head, writes `pieces`, then closes, or holds
/// the connection open.
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
        // Until the client gives up.
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
    // Also where more was asked for: that a snapshot cannot tell is for the diagnosis to say.
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
    // The few lines wait for a head that never comes in clear text; any answer is no TLS.
    let kind = failure(&tls, STILL).await;
    assert!(["tls-failed", "connect-timed-out"].contains(&kind), "{kind}");
}

/// A motion JPEG stream: `count` pictures, at once.
fn motion_jpeg(jpeg: &[u8], count: usize) -> Vec<Vec<u8>> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=next\r\n\r\n".to_vec();
    let part = format!("--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
    let part = [part.as_bytes(), jpeg, b"\r\n"].concat();
    std::iter::once(head).chain(std::iter::repeat_n(part, count)).collect()
}

#[tokio::test]
async fn a_motion_jpeg_stream_is_live_and_its_end_is_a_loss() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let jpeg = fs::read(make(dir.path(), "a.jpg", "-f lavfi -i testsrc2=size=320x180 -frames:v 1")).unwrap();
    let (url, _server) = serve(motion_jpeg(&jpeg, 200), true).await;
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    assert!(clip.info().live && clip.frames().len() >= 15);
    let (url, _server) = serve(motion_jpeg(&jpeg, 10), false).await;
    assert_eq!(failure(&url, STRETCH).await, "ended-early");
    let (url, _server) = serve(motion_jpeg(&jpeg, 10), true).await;
    assert_eq!(failure(&url, STRETCH).await, "stalled");
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
