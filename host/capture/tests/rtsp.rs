//! Tests of RTSP with a real server (GStreamer). In one test, the server is killed during a capture.

#![cfg(test)]

mod media;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use easysight_capture::{CaptureConfig, CaptureError, Capturer, Clip, ClipRequest, Source, Stretch};
use media::{IN_FULL, STILL, STRETCH, capture, failure, h264, has_ffmpeg, make};

/// A server that plays a file at /live, Motion JPEG at /jpeg and only audio at /sound. Each client starts at the
/// beginning of the file. If there is a second argument, it is a password, and clients must send it. The server prints
/// its port.
const SERVER: &str = r#"
import gi, sys
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_service("0"); server.set_address("127.0.0.1")
mounts = server.get_mount_points()
def mount(path, launch):
    factory = GstRtspServer.RTSPMediaFactory(); factory.set_launch(launch)
    if len(sys.argv) > 2:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    mounts.add_factory(path, factory)
codec = "h265" if "hevc" in sys.argv[1] else "h264"
mount("/live", '( filesrc location="%s" ! qtdemux ! %sparse config-interval=-1 ! rtp%spay name=pay0 pt=96 )' % (sys.argv[1], codec, codec))
mount("/jpeg", "( videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=176,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 )")
mount("/sound", "( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )")
if len(sys.argv) > 2:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken(); token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", sys.argv[2]), token)
    server.set_auth(auth)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

/// A server that ends when this value is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts the server. Prints a message and returns none if the server's packages are missing.
    fn start(file: &Path) -> Option<Self> {
        Self::start_with(file, &[])
    }

    fn start_with(file: &Path, password: &[&str]) -> Option<Self> {
        let mut process = Command::new("/usr/bin/python3")
            .args(["-c", SERVER])
            .arg(file)
            .args(password)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        match line.trim().parse() {
            Ok(port) => Some(Self { process, port }),
            Err(_) => {
                assert!(std::env::var_os("CI").is_none(), "GStreamer's RTSP server is not installed");
                eprintln!("SKIPPED: GStreamer's RTSP server is not installed");
                drop(process.wait());
                None
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Captures a clip of the stream that the server plays. On a busy machine the server may start late.
async fn played(server: &Server, path: &str, request: impl Into<ClipRequest>) -> Result<Clip, CaptureError> {
    let patient = CaptureConfig {
        connect_timeout: Duration::from_secs(10),
        deadline: Duration::from_secs(30),
        ..CaptureConfig::default()
    };
    Capturer::new(patient).capture(&server.url(path).parse().unwrap(), &request.into()).await
}

#[tokio::test]
async fn a_camera_is_captured_live() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(&h264(dir.path(), "a.mp4", 20)) else { return };
    let clip = played(&server, "/live", STRETCH).await.unwrap();
    assert!(clip.info().live);
    assert_eq!((clip.info().width, clip.info().codec.as_deref()), (320, Some("h264")));
    let frames = clip.frames();
    // The times are arrival times, which jitter slightly.
    assert!(frames[0].keyframe && frames.last().unwrap().timestamp >= Duration::from_millis(2_900));
    assert!((14..=20).contains(&frames.len()), "{}", frames.len());
    assert_eq!(clip.evidence().missed_packets, 0);
    let both = ClipRequest::from(STRETCH).merge(IN_FULL.into());
    let mixed = played(&server, "/live", both).await.unwrap();
    let early = mixed.frames().iter().filter(|frame| frame.timestamp < Duration::from_millis(990)).count();
    // A server may repeat the first frames or send them faster.
    assert!((23..=27).contains(&early), "{early}");
    assert!((9..=14).contains(&(mixed.frames().len() - early)), "{}", mixed.frames().len());
    let still = played(&server, "/live", STILL).await.unwrap();
    assert_eq!(still.frames().len(), 1);
}

#[tokio::test]
async fn each_refusal_of_a_camera_has_its_own_word() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(&h264(dir.path(), "a.mp4", 5)) else { return };
    assert_eq!(failure(&server.url("/nothing"), STILL).await, "not-found");
    assert_eq!(failure(&server.url("/sound"), STILL).await, "no-video");
    drop(server);

    let Some(locked) = Server::start_with(&h264(dir.path(), "b.mp4", 5), &["s3cretword"]) else { return };
    let with = |credentials: &str| locked.url("/live").replace("rtsp://", &format!("rtsp://{credentials}"));
    assert_eq!(failure(&with(""), STILL).await, "unauthorized");
    assert_eq!(failure(&with("admin:wrong@"), STILL).await, "unauthorized");
    let clip = capture(&with("admin:s3cretword@").parse::<Source>().unwrap(), STILL).await.unwrap();
    assert_eq!(clip.frames().len(), 1);
}

#[tokio::test]
async fn a_camera_that_dies_in_the_middle_is_a_loss() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(mut server) = Server::start(&h264(dir.path(), "a.mp4", 30)) else { return };
    let source: Source = server.url("/live").parse().unwrap();
    let long = Stretch { span: Duration::from_secs(8), ..STRETCH };
    let capture = tokio::spawn(async move { capture(&source, long).await });
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    server.process.kill().unwrap();
    let error = capture.await.unwrap().unwrap_err();
    assert!(["ended-early", "stalled", "connection-refused"].contains(&error.kind.code()), "{error:?}");
    assert!(error.is_camera_fault());
    assert!(error.detail.contains("frames"), "{}", error.detail);
}

#[tokio::test]
async fn a_stream_that_ends_after_enough_is_a_clip() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = make(
        dir.path(),
        "a.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2.4 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let Some(server) = Server::start(&file) else { return };
    let clip = played(&server, "/live", STRETCH).await.unwrap();
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_millis(1_500));
}

#[tokio::test]
async fn motion_jpeg_and_h265_are_put_together_from_packets() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let encode = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=8 -c:v libx265 -preset ultrafast";
    let file =
        make(dir.path(), "hevc.mp4", &format!("{encode} -g 25 -pix_fmt yuv420p -x265-params log-level=none"));
    let Some(server) = Server::start(&file) else { return };
    for (path, codec, size) in [("/jpeg", "mjpeg", (320, 176)), ("/live", "hevc", (640, 360))] {
        let clip = played(&server, path, STRETCH).await;
        let clip = clip.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(clip.info().codec.as_deref(), Some(codec));
        assert_eq!((clip.info().width, clip.info().height), size);
        assert!(clip.frames().len() >= 14, "{path}: {}", clip.frames().len());
        let evidence = clip.evidence();
        assert_eq!((evidence.corrupt_frames, evidence.missing_references), (0, 0), "{path}: {evidence:?}");
    }
}

#[tokio::test]
async fn pictures_that_are_shown_in_another_order_than_they_are_sent_come_in_that_order() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // A bar that moves from left to right.
    let encode = "-f lavfi -i color=c=black:size=320x180:rate=25:duration=8,format=yuv420p \
                  -f lavfi -i color=c=white:size=8x180:rate=25:duration=8 \
                  -filter_complex overlay=x=mod(n*4\\,300) -c:v libx264 -bf 3 -b_strategy 0 -g 50 -pix_fmt yuv420p";
    let file = make(dir.path(), "a.mp4", encode);
    let Some(server) = Server::start(&file) else { return };
    let clip = played(&server, "/live", IN_FULL).await.unwrap();
    let place = |frame: u32| {
        let row = clip.plane(frame, easysight_capture::PlaneKind::Luma, 0).unwrap();
        row.iter().take(320).position(|sample| *sample > 128).unwrap()
    };
    let places: Vec<_> = (0..clip.frames().len() as u32).map(place).collect();
    assert!(places.windows(2).all(|two| two[1] > two[0] || two[0] > 250), "{places:?}");
    assert!(places.len() >= 25);
}
