//! A camera that sends exactly the answers that a test specifies, and plays H.264 in the RTSP connection.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, tcp::OwnedWriteHalf},
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// A request: its method, and its whole text.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) request: &'a str,
}

/// The camera's reaction.
pub(crate) enum Reply {
    /// The usual answer of a camera.
    Usual,
    /// Sends this answer.
    Say(&'static str),
    /// Sends this answer and closes the connection.
    Last(&'static str),
    /// Sends nothing.
    Nothing,
}

/// The description of the camera's stream: the body of the usual answer to DESCRIBE.
pub(crate) const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";

/// A camera that runs until it is dropped.
pub(crate) struct Script {
    pub(crate) url: String,
    /// The requests in their order.
    pub(crate) asked: mpsc::UnboundedReceiver<String>,
    serving: JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Script {
    /// Starts a camera that plays `h264`, a stream with start codes, again and again at 25 pictures per second.
    pub(crate) async fn start(h264: &[u8], reply: fn(&Asked<'_>) -> Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("rtsp://admin:s3cret@{}/live", listener.local_addr().unwrap());
        let pictures = Arc::new(pictures(h264));
        let (tell, asked) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pictures, tell) = (Arc::clone(&pictures), tell.clone());
                tokio::spawn(async move {
                    // Cameras send the end of a picture without delay.
                    stream.set_nodelay(true).unwrap();
                    let (mut requests, answers) = stream.into_split();
                    let answers = Arc::new(Mutex::new(answers));
                    let mut playing = None;
                    let mut request = Vec::new();
                    while let Ok(byte) = requests.read_u8().await {
                        request.push(byte);
                        if !request.ends_with(b"\r\n\r\n") {
                            continue;
                        }
                        let text = String::from_utf8(std::mem::take(&mut request)).unwrap();
                        drop(tell.send(text.clone()));
                        let method = text.split(' ').next().unwrap();
                        let reply = reply(&Asked { method, request: &text });
                        let closes = matches!(reply, Reply::Last(_));
                        let said = match reply {
                            Reply::Usual => usual(method),
                            Reply::Say(words) | Reply::Last(words) => words.to_owned(),
                            Reply::Nothing => String::new(),
                        };
                        if answers.lock().await.write_all(said.as_bytes()).await.is_err() || closes {
                            break;
                        }
                        let refused = said.split(' ').nth(1).is_some_and(|status| !status.starts_with('2'));
                        if method == "PLAY" && !refused {
                            playing = Some(tokio::spawn(play(Arc::clone(&answers), Arc::clone(&pictures))));
                        }
                    }
                    if let Some(playing) = playing {
                        playing.abort();
                    }
                });
            }
        });
        Self { url, asked, serving }
    }
}

fn usual(method: &str) -> String {
    match method {
        "DESCRIBE" => format!("RTSP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len()),
        "SETUP" => {
            "RTSP/1.0 200 OK\r\nSession: 7\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n".to_owned()
        }
        _ => "RTSP/1.0 200 OK\r\n\r\n".to_owned(),
    }
}

/// Returns the NAL units of each picture, without start codes.
fn pictures(h264: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let begins = |at: &usize| h264[*at..].starts_with(&[0, 0, 1]);
    let mut begins: Vec<_> = (0..h264.len() - 3).filter(begins).map(|at| at + 3).collect();
    begins.push(h264.len() + 3);
    let mut pictures: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    let mut has_slices = false;
    for two in begins.windows(2) {
        let mut unit = h264[two[0]..two[1] - 3].to_vec();
        // Zeros at the end belong to the next start code.
        while unit.last() == Some(&0) {
            unit.pop();
        }
        let is_slice = matches!(unit[0] & 31, 1 | 5);
        if has_slices && (!is_slice || unit[1] & 0x80 != 0) {
            pictures.push(Vec::new());
            has_slices = false;
        }
        has_slices |= is_slice;
        pictures.last_mut().unwrap().push(unit);
    }
    pictures
}

async fn play(answers: Arc<Mutex<OwnedWriteHalf>>, pictures: Arc<Vec<Vec<Vec<u8>>>>) {
    let mut pace = interval(Duration::from_millis(40));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut number, mut stamp) = (0_u16, 0_u32);
    for picture in pictures.iter().cycle() {
        pace.tick().await;
        for (at, unit) in picture.iter().enumerate() {
            let marker = if at + 1 == picture.len() { 0xE0 } else { 0x60 };
            let length = u16::try_from(12 + unit.len()).unwrap().to_be_bytes();
            let head = [&[b'$', 0][..], &length, &[0x80, marker], &number.to_be_bytes()].concat();
            let packet = [&head[..], &stamp.to_be_bytes(), &[0, 0, 0, 7], unit].concat();
            if answers.lock().await.write_all(&packet).await.is_err() {
                return;
            }
            number = number.wrapping_add(1);
        }
        stamp = stamp.wrapping_add(3_600);
    }
}
