//! Compares the reports of captures with a real server, GStreamer's RTSP server, in several configurations.

#![cfg(test)]

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use easysight_cameras::{PASSWORD, USER};
use easysight_capture::{
    CaptureConfig, CaptureError, Capturer, Clip, Journal, Quirk, Record, RtspTransport, Source, Stretch,
    Transport,
};

/// A server that ends when this value is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    /// Starts the server. Prints a message and returns None if the server's packages are missing.
    fn start(video: &str, transport: &str, way: &str) -> Option<Self> {
        let mut process = Command::new("/usr/bin/python3");
        process.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("gstreamer.py"));
        process.args([video, transport, way, PASSWORD]).stdout(Stdio::piped()).stderr(Stdio::null());
        let port = process.spawn().ok().and_then(|mut process| {
            let mut line = String::new();
            BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
            let port: Option<u16> = line.trim().parse().ok();
            if port.is_none() {
                drop(process.wait());
            }
            Some((process, port?))
        });
        let Some((process, port)) = port else {
            assert!(env::var_os("CI").is_none(), "GStreamer's RTSP server is missing");
            eprintln!("SKIPPED: GStreamer's RTSP server is not installed");
            return None;
        };
        let who = if way == "none" { String::new() } else { format!("{USER}:{PASSWORD}@") };
        Some(Self { process, url: format!("rtsp://{who}127.0.0.1:{port}/live") })
    }

    async fn captured(&self, rtsp_transport: RtspTransport) -> (Result<Clip, CaptureError>, Record) {
        let source: Source = self.url.parse().unwrap();
        let journal = Journal::of(&source, |_| ());
        let config = CaptureConfig { rtsp_transport, journal: journal.clone(), ..CaptureConfig::default() };
        let stretch = Stretch {
            min_frames: 2,
            interval: Duration::from_millis(200),
            span: Duration::from_millis(1_500),
        };
        let captured = Capturer::new(config).capture(&source, &stretch.into()).await;
        let record = journal.record();
        assert!(!format!("{record:?} {captured:?}").contains(PASSWORD), "{record:?}");
        (captured, record)
    }
}

#[tokio::test]
async fn it_is_judged_over_tcp_with_digest_and_with_sound_beside() {
    let Some(server) = Server::start("h264", "any", "digest") else { return };
    let (captured, record) = server.captured(RtspTransport::Auto).await;
    let clip = captured.unwrap();
    assert_eq!((record.measured.codec, record.measured.transport), (Some("h264"), Some(Transport::Tcp)));
    assert!(record.steps.iter().any(|step| step.asked.ends_with("(Digest MD5)")), "{record:?}");
    let found = Quirk::of(&record, Some(&clip));
    assert!(!found.contains(&Quirk::ClockJumps) && !found.contains(&Quirk::Damaged), "{found:?}");
}

#[tokio::test]
async fn it_is_judged_over_udp_where_it_takes_nothing_else() {
    let Some(server) = Server::start("aggregated", "udp", "none") else { return };
    let (captured, record) = server.captured(RtspTransport::Auto).await;
    let found = Quirk::of(&record, Some(&captured.unwrap()));
    assert!(found.contains(&Quirk::UdpOnly), "{record:?}");
    let (captured, _) = server.captured(RtspTransport::Tcp).await;
    assert_eq!(captured.unwrap_err().kind.code(), "server-error");
}

#[tokio::test]
async fn basic_without_encryption_is_told() {
    let Some(server) = Server::start("jpeg", "tcp", "basic") else { return };
    let (captured, record) = server.captured(RtspTransport::Auto).await;
    let found = Quirk::of(&record, Some(&captured.unwrap()));
    assert!(found.contains(&Quirk::PasswordReadable) && record.measured.codec == Some("mjpeg"), "{record:?}");
}
