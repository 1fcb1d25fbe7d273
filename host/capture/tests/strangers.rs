//! Tests the limits of an ffmpeg process, which decodes untrusted data: the data that the process receives, and the
//! files and addresses that it must not reach.

#![cfg(test)]

mod media;
mod processes;

use std::{fs, time::Duration};

use easysight_capture::{CaptureConfig, Capturer, Source};
use media::{IN_FULL, STILL, STRETCH, capture, config, failure, h264, has_ffmpeg, make};
use processes::{Process, ffmpeg};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

const PASSWORD: &str = "s3cretword";
/// The longest time that a test waits for an expected event.
const SOON: Duration = Duration::from_secs(10);

/// A server on its own port. It answers each request as the test specifies, or keeps the connection open without
/// an answer. It reports every request to the test.
struct Server {
    address: String,
    asked: mpsc::UnboundedReceiver<String>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Option<Vec<u8>> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, asked) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answer.clone(), tell.clone()));
            }
        });
        Self { address, asked, serving }
    }

    /// Skips requests until one contains these words, and returns that request.
    async fn asked(&mut self, words: &str) -> String {
        let until = async {
            loop {
                let request = self.asked.recv().await.unwrap();
                if request.contains(words) {
                    return request;
                }
            }
        };
        tokio::time::timeout(SOON, until).await.expect("no such request arrives")
    }
}

async fn converse(
    mut stream: TcpStream,
    answer: impl Fn(&str) -> Option<Vec<u8>>,
    tell: mpsc::UnboundedSender<String>,
) {
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            request.push(byte);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        tell.send(request.clone()).unwrap();
        if let Some(answer) = answer(&request)
            && stream.write_all(&answer).await.is_err()
        {
            return;
        }
    }
}

fn over_http(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Returns the answer of an RTSP camera that requires authentication. An authenticated client receives no answer.
fn locked_rtsp(request: &str) -> Option<Vec<u8>> {
    let number = request.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap();
    if request.starts_with("OPTIONS") {
        return Some(format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nPublic: DESCRIBE\r\n\r\n").into());
    }
    let known = request.contains("Authorization: ");
    let asks = "WWW-Authenticate: Digest realm=\"camera\", nonce=\"1\"";
    (!known).then(|| format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\n{asks}\r\n\r\n").into())
}

/// Returns the answer of an HTTP camera that requires authentication. An authenticated client receives no answer.
fn locked_http(request: &str) -> Option<Vec<u8>> {
    let asks =
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"camera\"\r\nContent-Length: 0\r\n\r\n";
    (!request.contains("Authorization: ")).then(|| asks.into())
}

/// Checks that the command line and the environment of a process contain no secret.
fn assert_tells_nothing(process: &Process) {
    let (line, environment) = (process.command_line(), process.environment());
    assert!(line.contains("rawvideo"), "this is not the decoder: {line}");
    for seen in [&line, &environment] {
        assert!(!seen.contains(PASSWORD) && !seen.contains("admin"), "{seen}");
    }
    let allowed =
        ["PATH", "LD_LIBRARY_PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "no_proxy"];
    for variable in environment.split_terminator('\0') {
        let (name, _) = variable.split_once('=').unwrap();
        assert!(allowed.contains(&name), "ffmpeg must not receive {name}");
    }
}

/// Waits until a process runs.
async fn started() -> Vec<Process> {
    let started = async {
        // A process that has just started has no command line yet.
        while ffmpeg().first().is_none_or(|process| process.command_line().is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, started).await.expect("no process is started");
    ffmpeg()
}

#[tokio::test]
async fn no_password_and_no_secret_of_the_worker_stands_in_the_list_of_processes() {
    if !has_ffmpeg() {
        return;
    }
    // There are variables that must not be passed on to ffmpeg: cargo sets many for its tests.
    assert!(std::env::vars().any(|(name, _)| name.starts_with("CARGO_")));
    let dir = tempfile::tempdir().unwrap();
    let jpeg = fs::read(make(dir.path(), "a.jpg", "-f lavfi -i testsrc2=size=320x180 -frames:v 1")).unwrap();
    // An authenticated client receives two pictures and nothing more. If the client requests a playlist, it receives
    // nothing.
    let mut http = Server::start(move |request| {
        let refused = locked_http(request);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n";
        let pictures = (!request.contains(".m3u8")).then(|| [&head[..], &jpeg, &jpeg].concat());
        refused.or(pictures)
    })
    .await;
    // The first source is read by this program, the second one by ffmpeg itself.
    for ending in ["", "/live.m3u8"] {
        let url = format!(
            "http://admin:{PASSWORD}@{}/user=admin&password={PASSWORD}{ending}?pwd={PASSWORD}",
            http.address
        );
        let source: Source = url.parse().unwrap();
        let capturing = tokio::spawn(async move { capture(&source, STRETCH).await });
        // The camera has received the password now, and the process is connected to it.
        http.asked("Authorization: ").await;
        let running = started().await;
        assert_eq!(running.len(), 1, "{ending}");
        assert_tells_nothing(&running[0]);
        capturing.abort();
        capturing.await.unwrap_err();
        processes::gone(&running).await;
    }
}

#[tokio::test]
async fn nothing_is_started_for_a_camera_that_sends_nothing() {
    if !has_ffmpeg() {
        return;
    }
    let (mut rtsp, mut http) = (Server::start(locked_rtsp).await, Server::start(locked_http).await);
    for (scheme, server) in [("rtsp", &mut rtsp), ("http", &mut http)] {
        let source: Source = format!("{scheme}://admin:{PASSWORD}@{}/", server.address).parse().unwrap();
        let capturing = tokio::spawn(async move { capture(&source, STRETCH).await });
        server.asked("Authorization: ").await;
        assert!(ffmpeg().is_empty());
        capturing.abort();
    }
}

#[tokio::test]
async fn an_address_reaches_the_camera_as_it_was_given() {
    if !has_ffmpeg() {
        return;
    }
    let mut http = Server::start(locked_http).await;
    let path = "/Streaming//channels/101%20a/..;/x?a=b&c=%2F%3F&d=e;f";
    let url = format!("http://us%40er:p%3Aa%2Fss@{}{path}", http.address);
    let source: Source = url.parse().unwrap();
    let capturing = tokio::spawn(async move { capture(&source, STILL).await });
    let request = http.asked("Authorization: ").await;
    // "us@er:p:a/ss" in Base64.
    assert!(request.contains("Authorization: Basic dXNAZXI6cDphL3Nz"), "{request}");
    assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
    capturing.abort();

    let mut rtsp = Server::start(locked_rtsp).await;
    let path = "/cam/realmonitor//x?channel=1&subtype=0";
    let source: Source = format!("rtsp://admin:{PASSWORD}@{}{path}", rtsp.address).parse().unwrap();
    let capturing = tokio::spawn(async move { capture(&source, STILL).await });
    let request = rtsp.asked("Authorization: Digest").await;
    assert!(
        request.starts_with(&format!("DESCRIBE rtsp://{}{path} RTSP/1.0\r\n", rtsp.address)),
        "{request}"
    );
    capturing.abort();
}

#[tokio::test]
async fn a_process_runs_within_its_limits() {
    if !has_ffmpeg() {
        return;
    }
    let mut http = Server::start(locked_http).await;
    let source: Source = format!("http://u:p@{}/live.m3u8", http.address).parse().unwrap();
    let memory_bytes = 1 << 30;
    let capturer = Capturer::new(CaptureConfig { memory_bytes, ..config() });
    let capturing = tokio::spawn(async move { capturer.capture(&source, &STRETCH.into()).await });
    http.asked("Authorization: ").await;
    let running = ffmpeg();
    let limits = running[0].read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max address space"), ["1073741824", "1073741824"]);
    // The first limit is the sum of the deadline (10 s) and the stretch (3 s), plus one second.
    assert_eq!(limit("Max cpu time"), ["14", "15"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    capturing.abort();
}

#[tokio::test]
async fn pictures_that_others_are_predicted_from_count_against_the_memory() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=size=3840x2160:rate=10:duration=2.6";
    let file = make(
        dir.path(),
        "a.mp4",
        &format!("{source} -c:v libx264 -preset ultrafast -refs 16 -pix_fmt yuv420p"),
    );
    let source = Source::File(file);
    let wants = IN_FULL;
    let enough = capture(&source, wants).await.unwrap();
    assert_eq!(enough.info().width, 3840);
    let capturer = Capturer::new(CaptureConfig { memory_bytes: 560 << 20, ..config() });
    let error = capturer.capture(&source, &wants.into()).await.unwrap_err();
    assert_eq!(error.kind.code(), "too-large", "{error}");
    assert!(error.detail.contains("560 MiB"), "{error}");
    // Nothing can be concluded about the camera from this error.
    assert!(!error.is_camera_fault());
}

#[tokio::test]
async fn a_camera_cannot_lead_the_worker_elsewhere_by_a_playlist_or_a_script() {
    if !has_ffmpeg() {
        return;
    }
    let mut elsewhere = Server::start(|_| None).await;
    let other = format!("http://{}/inner.ts", elsewhere.address);
    for (content_type, text) in [
        ("application/vnd.apple.mpegurl", format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")),
        ("video/mp4", format!("ffconcat version 1.0\nfile {other}\n")),
        ("application/dash+xml", format!("<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\"><BaseURL>{other}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>")),
        ("application/sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n".into()),
    ] {
        let camera = Server::start(move |_| Some(over_http(content_type, text.as_bytes()))).await;
        for path in ["/snapshot.jpg", "/live"] {
            let url = format!("http://{}{path}", camera.address);
            assert_eq!(failure(&url, STILL).await, "not-media", "{content_type}");
        }
    }
    assert!(elsewhere.asked.try_recv().is_err(), "an address from the camera was opened");
}

#[tokio::test]
async fn a_playlist_is_read_where_the_address_says_that_it_is_one() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let encode = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -f lavfi -i sine=duration=4 -c:v libx264 -preset ultrafast -c:a aac -g 25";
    make(dir.path(), "live.m3u8", &format!("{encode} -f hls -hls_time 1 -hls_list_size 0"));
    let root = dir.path().to_owned();
    let mut server = Server::start(move |request| {
        let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap();
        if !request.contains("Authorization: ") {
            return locked_http(request);
        }
        Some(over_http("application/octet-stream", &fs::read(root.join(&path[1..])).unwrap()))
    })
    .await;
    let url = format!("http://admin:{PASSWORD}@{}/live.m3u8?token=1", server.address);
    let clip = capture(&url.parse().unwrap(), STRETCH).await.unwrap();
    assert!(clip.frames().last().unwrap().timestamp >= Duration::from_millis(1_500));
    server.asked(".ts HTTP/1.1").await;
}

#[tokio::test]
async fn giving_up_a_capture_ends_its_process() {
    if !has_ffmpeg() {
        return;
    }
    let server = Server::start(|_| None).await;
    let source: Source = format!("http://{}/live.m3u8", server.address).parse().unwrap();
    let capturing = tokio::spawn(async move { capture(&source, STRETCH).await });
    let running = started().await;
    capturing.abort();
    assert!(capturing.await.unwrap_err().is_cancelled());
    processes::gone(&running).await;
}

#[tokio::test]
async fn a_redirect_is_followed() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let recording = fs::read(h264(dir.path(), "a.mkv", 4)).unwrap();
    let camera = Server::start(move |_| Some(over_http("video/x-matroska", &recording))).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/live\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        camera.address
    );
    let before = Server::start(move |_| Some(moved.clone().into())).await;
    let url = format!("http://{}/", before.address);
    assert!(capture(&url.parse().unwrap(), STRETCH).await.is_ok());
}
