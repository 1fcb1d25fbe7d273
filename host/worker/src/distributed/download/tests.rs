//! Tests downloads from a server that follows a script.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::distributed::tests::settings;

/// A server that sends the answers of a script byte by byte, one for each connection.
pub(crate) struct Script {
    url: String,
    /// The range that each request had.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    server: JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Script {
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let server = tokio::spawn(async move {
            for answer in answers {
                let mut connection = BufReader::new(listener.accept().await.unwrap().0);
                let mut range = None;
                loop {
                    let mut line = String::new();
                    connection.read_line(&mut line).await.unwrap();
                    match line.trim_end().split_once(": ") {
                        Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                            range = Some(value.to_owned());
                        }
                        None if line.trim_end().is_empty() => break,
                        _ => {}
                    }
                }
                noted.lock().push(range);
                connection.write_all(&answer).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        });
        Self { url, asked, server }
    }

    pub(crate) fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().clone()
    }

    pub(crate) fn downloads(&self, dir: &Path) -> Downloads {
        let client = MasterClient::new(&settings(&self.url, dir, &[]), "n1").unwrap();
        Downloads::new(client, dir.to_owned()).with_pause(Duration::ZERO)
    }
}

/// An answer whose connection is closed after `sent` bytes of the body.
fn answer(status: &str, more: &str, body: &[u8], sent: usize) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n");
    [head.as_bytes(), &body[..sent]].concat()
}

pub(crate) fn whole(body: &[u8]) -> Vec<u8> {
    answer("200 OK", "", body, body.len())
}

fn part(body: &[u8], from: usize) -> Vec<u8> {
    let range = format!("content-range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
    answer("206 Partial Content", &range, &body[from..], body.len() - from)
}

fn range(from: usize) -> Option<String> {
    Some(format!("bytes={from}-"))
}

/// More bytes than one buffer holds.
fn component() -> (Vec<u8>, Digest) {
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = Digest::of(&bytes);
    (bytes, digest)
}

/// Downloads from a scripted server. `left` is the partial file of an earlier process. Returns the result, the
/// requested ranges, and the extensions of the files that exist afterwards.
async fn fetch(
    answers: Vec<Vec<u8>>,
    left: Option<&[u8]>,
) -> (Result<(), FetchError>, Vec<Option<String>>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, digest) = component();
    if let Some(left) = left {
        fs::write(dir.path().join(format!("{digest}.part")), left).await.unwrap();
    }
    let script = Script::start(answers).await;
    let fetched = script.downloads(dir.path()).fetch(digest).await;
    let mut files = Vec::new();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        files.push(path.extension().unwrap().to_str().unwrap().to_owned());
    }
    if fetched.is_ok() {
        assert_eq!(fs::read(dir.path().join(format!("{digest}.wasm"))).await.unwrap(), bytes);
    }
    (fetched, script.asked(), files)
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_stopped() {
    let (bytes, _) = component();
    let cut = answer("200 OK", "", &bytes, 100_000);
    let (fetched, asked, files) = fetch(vec![cut, part(&bytes, 100_000)], None).await;
    fetched.unwrap();
    assert_eq!(asked, [None, range(100_000)]);
    assert_eq!(files, ["wasm"]);
}

#[tokio::test]
async fn what_a_former_life_left_is_gone_on_with() {
    let (bytes, _) = component();
    let (fetched, asked, _) = fetch(vec![part(&bytes, 270_000)], Some(&bytes[..270_000])).await;
    fetched.unwrap();
    assert_eq!(asked, [range(270_000)]);
}

#[tokio::test]
async fn a_server_without_ranges_gives_the_whole_again() {
    let (bytes, _) = component();
    let (fetched, asked, files) = fetch(vec![whole(&bytes)], Some(&bytes[..1_000])).await;
    fetched.unwrap();
    assert_eq!((asked, files), (vec![range(1_000)], vec!["wasm".to_owned()]));
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_not_mixed_in() {
    let (bytes, _) = component();
    let answers = vec![part(&bytes, 2_000), whole(&bytes)];
    let (fetched, asked, _) = fetch(answers, Some(&bytes[..1_000])).await;
    fetched.unwrap();
    assert_eq!(asked, [range(1_000), None]);
}

#[tokio::test]
async fn what_is_there_to_the_last_byte_is_taken_as_it_is() {
    let (bytes, _) = component();
    let beyond = || answer("416 Range Not Satisfiable", "", b"", 0);
    let (fetched, asked, _) = fetch(vec![beyond()], Some(&bytes)).await;
    fetched.unwrap();
    assert_eq!(asked, [range(bytes.len())]);
    // The file has the right length, but is damaged.
    let mut damaged = bytes.clone();
    damaged[5] ^= 1;
    let (fetched, asked, _) = fetch(vec![beyond(), whole(&bytes)], Some(&damaged)).await;
    fetched.unwrap();
    assert_eq!(asked, [range(bytes.len()), None]);
}

#[tokio::test]
async fn wrong_bytes_are_fetched_again_a_few_times_and_never_kept() {
    let answers = vec![whole(b"something else"); TRIES as usize];
    let (fetched, asked, files) = fetch(answers, None).await;
    let error = fetched.unwrap_err();
    assert!(error.to_string().contains("plugin-digest-mismatch"), "{error}");
    assert_eq!(asked, vec![None; TRIES as usize]);
    assert_eq!(files, [] as [String; 0]);
}

#[tokio::test]
async fn more_than_a_component_may_have_is_not_taken() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_COMPONENT_BYTES + 1);
    let (fetched, asked, files) = fetch(vec![head.into_bytes()], None).await;
    assert!(matches!(fetched, Err(FetchError::TooLarge)));
    assert_eq!((asked.len(), files.len()), (1, 0));
}
