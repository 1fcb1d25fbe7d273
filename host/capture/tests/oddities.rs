//! Tests with cameras from public bug reports. Other programs could not read these cameras. This program must.

#![cfg(test)]

mod media;
mod script;

use std::{fs, time::Duration};

use easysight_capture::{CaptureConfig, Capturer, Clip, RtspTransport};
use media::{IN_FULL, STILL, STRETCH, capture, config, failure, h264, has_ffmpeg, make};
use script::{Asked, Reply, Script};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// Returns a moving picture without a container, with a keyframe every two seconds.
fn annex_b(dir: &tempfile::TempDir) -> Vec<u8> {
    let file = h264(dir.path(), "a.mp4", 8);
    fs::read(make(dir.path(), "a.h264", &format!("-i {} -c copy", file.display()))).unwrap()
}

async fn seen(reply: fn(&Asked<'_>) -> Reply) -> Result<Clip, String> {
    let dir = tempfile::tempdir().unwrap();
    let camera = Script::start(&annex_b(&dir), reply).await;
    capture(&camera.url.parse().unwrap(), IN_FULL).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_camera_that_closes_the_connection_when_it_has_asked_who_is_there_is_asked_again() {
    if !has_ffmpeg() {
        return;
    }
    let clip = seen(|asked| match asked.method {
        "DESCRIBE" if !asked.request.contains("Authorization: Digest ") => Reply::Last(
            "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n\r\n",
        ),
        _ => Reply::Usual,
    });
    assert!(clip.await.unwrap().frames().len() >= 20);
}

#[tokio::test]
async fn a_camera_that_plays_from_no_time_that_is_named_plays_all_the_same() {
    if !has_ffmpeg() {
        return;
    }
    let clip = seen(|asked| match asked.method {
        "PLAY" if asked.request.contains("Range:") => Reply::Say("RTSP/1.0 457 Invalid Range\r\n\r\n"),
        _ => Reply::Usual,
    });
    assert!(clip.await.unwrap().frames().len() >= 20);
}

#[tokio::test]
async fn a_camera_that_plays_without_saying_so_is_seen() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let silent = |asked: &Asked<'_>| if asked.method == "PLAY" { Reply::Nothing } else { Reply::Usual };
    let camera = Script::start(&annex_b(&dir), silent).await;
    let patient = CaptureConfig { deadline: Duration::from_secs(30), ..config() };
    let clip = Capturer::new(patient).capture(&camera.url.parse().unwrap(), &IN_FULL.into()).await.unwrap();
    assert!(clip.frames().len() >= 20);
}

#[tokio::test]
async fn the_time_of_a_session_is_found_among_other_parameters() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut camera = Script::start(&annex_b(&dir), |asked| match asked.method {
        "SETUP" => Reply::Say(
            "RTSP/1.0 200 OK\r\nSession: 7; mode=a; Timeout = 2 ;b\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
        ),
        _ => Reply::Usual,
    })
    .await;
    capture(&camera.url.parse().unwrap(), STRETCH).await.unwrap();
    let asked: Vec<_> = std::iter::from_fn(|| camera.asked.try_recv().ok()).collect();
    let signs = asked.iter().filter(|asked| asked.starts_with("OPTIONS ")).count();
    assert!(signs >= 2, "{asked:?}");
    assert!(
        asked
            .iter()
            .filter(|asked| asked.starts_with("OPTIONS "))
            .all(|sign| sign.contains("Session: 7\r\n"))
    );
}

#[tokio::test]
async fn a_transport_that_a_camera_answers_unasked_is_taken() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bytes = annex_b(&dir);
    // TCP is requested, but the camera answers with ports, which means UDP.
    let mut ports = Script::start(&bytes, |asked| match asked.method {
        "SETUP" if asked.request.contains("client_port") => Reply::Say("RTSP/1.0 403 Forbidden\r\n\r\n"),
        "SETUP" => Reply::Say(
            "RTSP/1.0 200 OK\r\nSession: 7\r\nTransport: RTP/AVP;unicast;client_port=0-1;server_port=6-7\r\n\r\n",
        ),
        _ => Reply::Usual,
    })
    .await;
    let error = capture(&ports.url.parse().unwrap(), STILL).await.unwrap_err();
    assert_eq!(error.kind.code(), "forbidden", "{error}");
    let asked: Vec<_> = std::iter::from_fn(|| ports.asked.try_recv().ok()).collect();
    assert!(asked.iter().any(|asked| asked.contains("client_port=")), "{asked:?}");
    // UDP is requested, but the camera sends in the connection.
    let channel = Script::start(&bytes, |_| Reply::Usual).await;
    let udp = Capturer::new(CaptureConfig { rtsp_transport: RtspTransport::Udp, ..config() });
    let clip = udp.capture(&channel.url.parse().unwrap(), &IN_FULL.into()).await.unwrap();
    assert!(clip.frames().len() >= 20);
}

#[tokio::test]
async fn a_camera_that_changes_its_resolution_is_judged_by_the_new_one() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let encode = |name: &str, size: &str, seconds: f64| {
        let source = format!("-f lavfi -i testsrc2=size={size}:rate=25:duration={seconds}");
        let encode = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -f h264";
        fs::read(make(dir.path(), name, &format!("{source} {encode}"))).unwrap()
    };
    let bytes = [encode("a.h264", "320x180", 1.2), encode("b.h264", "480x270", 8.0)].concat();
    let camera = Script::start(&bytes, |_| Reply::Usual).await;
    let clip = capture(&camera.url.parse().unwrap(), STRETCH).await.unwrap();
    assert_eq!((clip.info().width, clip.info().height), (480, 270));
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_millis(2_900));
    // The same holds if the caller examines the first part.
    let request = STRETCH.into();
    let part = easysight_capture::ClipRequest::within(&request, Duration::from_secs(1));
    let source = camera.url.parse().unwrap();
    let parts = Capturer::new(config()).capture_part(&source, &request, &part, async |_| None::<()>).await;
    let easysight_capture::Capture::Whole(clip) = parts.unwrap() else { panic!("nothing was enough") };
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_millis(2_900));
}

/// Serves several connections. On each connection, the server reads the head of a request and sends the next of these
/// answers. The last answer is repeated.
async fn web(answers: Vec<Vec<u8>>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/snap", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let answer = answers.next().unwrap();
            if answers.peek().is_none() {
                answers = vec![answer.clone()].into_iter().peekable();
            }
            drop(stream.write_all(&answer).await);
        }
    });
    (url, serving)
}

fn page(status: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn jpeg() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    fs::read(make(dir.path(), "a.jpg", "-f lavfi -i testsrc2=size=320x180 -frames:v 1")).unwrap()
}

#[tokio::test]
async fn a_picture_is_one_however_it_is_wrapped() {
    if !has_ffmpeg() {
        return;
    }
    let jpeg = jpeg();
    let multipart = [
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary =b\r\n\r\n\
          --b\r\nContent-Type: image/jpeg\r\n\r\n",
        &jpeg[..],
        b"\r\n--b--\r\n",
    ];
    for (what, answer) in [
        ("one of several that does not go on", multipart.concat()),
        (
            "an empty line in front",
            page("200 OK", "Content-Type: text/html\r\n", &[b"\r\n\n", &jpeg[..]].concat()),
        ),
        ("a header that is none", page("200 OK", "Tue, 12 Jun 2012 01:56:34 GMT\r\n", &jpeg)),
        ("no head", jpeg.clone()),
    ] {
        let (url, _serving) = web(vec![answer]).await;
        let clip = capture(&url.parse().unwrap(), STRETCH).await;
        let clip = clip.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((clip.frames().len(), clip.info().live), (1, false), "{what}");
    }
}

#[tokio::test]
async fn every_kind_of_picture_is_read_over_http() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "a.png", "a.bmp", "a.tif", "a.j2k", "a.jp2", "a.ppm"] {
        let picture = make(dir.path(), name, "-f lavfi -i testsrc2=size=640x360 -frames:v 1");
        // The camera's content type does not matter.
        let answer = page("200 OK", "Content-Type: text/plain\r\n", &fs::read(picture).unwrap());
        let (url, _serving) = web(vec![answer]).await;
        let clip = capture(&url.parse().unwrap(), STILL).await;
        let clip = clip.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((clip.info().width, clip.frames().len()), (640, 1), "{name}");
    }
    let heic = [b"\0\0\0\x1Cftypheic\0\0\0\0mif1heicmiaf", &[0; 500][..]].concat();
    let (url, _serving) = web(vec![page("200 OK", "Content-Type: image/jpeg\r\n", &heic)]).await;
    let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
    assert_eq!(error.kind.code(), "not-media", "{error}");
    assert!(error.detail.contains("HEIC"), "{error}");
}

#[tokio::test]
async fn what_begins_like_a_recording_and_is_none_is_media_of_which_nothing_decodes() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mp4 = h264(dir.path(), "a.mp4", 3);
    let flags = "-movflags frag_keyframe+empty_moov+default_base_moof";
    let pieces =
        fs::read(make(dir.path(), "f.mp4", &format!("-i {} -c copy {flags}", mp4.display()))).unwrap();
    let first = pieces.windows(4).position(|four| four == b"moof").unwrap() - 4;
    let (url, _serving) = web(vec![page("200 OK", "Content-Type: video/mp4\r\n", &pieces[first..])]).await;
    assert_eq!(failure(&url, STRETCH).await, "nothing-decodes");
}

#[tokio::test]
async fn a_camera_that_is_busy_is_asked_again_unless_it_wants_to_be_left_alone_for_long() {
    if !has_ffmpeg() {
        return;
    }
    let busy =
        |extra: &str| page("503 Service Unavailable", extra, b"<statusString>Device Busy</statusString>");
    let picture = page("200 OK", "Content-Type: image/jpeg\r\n", &jpeg());
    for extra in ["Retry-After: 0\r\n", ""] {
        let (url, _serving) = web(vec![busy(extra), picture.clone()]).await;
        assert_eq!(capture(&url.parse().unwrap(), STILL).await.unwrap().frames().len(), 1);
    }
    let (url, _serving) = web(vec![busy("Retry-After: 120\r\n")]).await;
    assert_eq!(failure(&url, STILL).await, "server-error");
    let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
    assert!(error.detail.contains("503"), "{error}");
}

#[tokio::test]
async fn a_head_that_is_none_is_no_camera_that_hangs_up() {
    if !has_ffmpeg() {
        return;
    }
    let (url, _serving) = web(vec![b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc".to_vec()]).await;
    let error = capture(&url.parse().unwrap(), STILL).await.unwrap_err();
    assert_eq!(error.kind.code(), "not-media", "{error}");
    assert!(error.detail.contains("content-length"), "{error}");
}

#[tokio::test]
async fn a_stream_over_http_may_begin_anywhere() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mp4 = h264(dir.path(), "a.mp4", 6);
    let made =
        |name: &str| fs::read(make(dir.path(), name, &format!("-i {} -c copy", mp4.display()))).unwrap();
    let (transport, bare) = (made("a.ts"), made("a.h264"));
    let second =
        bare.windows(5).skip(5).position(|five| five == [0, 0, 0, 1, 0x41] || five[1..] == [0, 0, 1, 0x41]);
    let timed: Vec<u8> = transport.chunks(188).flat_map(|packet| [&[0; 4], packet].concat()).collect();
    for (what, bytes) in [
        ("in a packet", &transport[100..]),
        ("before a time", &timed),
        ("behind the keyframe", &bare[second.unwrap() + 5..]),
    ] {
        let (url, _serving) = web(vec![page("200 OK", "Content-Type: video/mpeg\r\n", bytes)]).await;
        let clip = capture(&url.parse().unwrap(), STRETCH).await;
        let clip = clip.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(clip.frames().len() >= 10, "{what}: {}", clip.frames().len());
    }
}
