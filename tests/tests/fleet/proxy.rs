//! Faults between worker and master: networks that break connections, and masters that send wrong bytes.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{
    process::{Master, PATIENCE, Running},
    programs::{has_ffmpeg, make_clip, program},
};

/// The fault in downloads of plugins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mischief {
    /// The first three downloads are cut off in the middle.
    Cut,
    /// The first download has a flipped bit.
    Flip,
}

/// Starts a proxy between a worker and a master. The proxy handles one request per connection, and counts
/// downloads.
fn proxy(master: &Master, mischief: Mischief) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = master.address();
    let downloads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&downloads);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (upstream, counted) = (upstream.clone(), Arc::clone(&counted));
            thread::spawn(move || drop(pass(client, &upstream, mischief, &counted)));
        }
    });
    (url, downloads)
}

/// Passes on one request and its answer, then closes the connection.
fn pass(
    mut client: TcpStream,
    upstream: &str,
    mischief: Mischief,
    downloads: &AtomicUsize,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let is_download = head.contains("/component");
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if is_download {
        let number = downloads.fetch_add(1, Ordering::SeqCst);
        match mischief {
            Mischief::Cut if number < 3 => answer.truncate(answer.len() / 2),
            Mischief::Flip if number == 0 => *answer.last_mut().unwrap() ^= 1,
            _ => {}
        }
    }
    client.write_all(&answer)
}

async fn survives(mischief: Mischief, downloads_wanted: impl Fn(usize) -> bool) {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    master.add_cameras(6, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["brightness"]})).await;
    let (url, downloads) = proxy(&master, mischief);
    let mut command = program("easysight-worker");
    command.args([
        "--master-url",
        &url,
        "--listen",
        "127.0.0.1:0",
        "--task-poll-interval",
        "1",
        "--heartbeat-interval",
        "1",
        "--data-dir",
    ]);
    let _worker = Running::start({
        command.arg(dir.path().join("w"));
        command
    });
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(6), "{run_is}");
    // All six jobs needed the plugin at the same time and shared one download.
    let count = downloads.load(Ordering::SeqCst);
    assert!(downloads_wanted(count), "{count}");
    let kept = std::fs::read_dir(dir.path().join("w/plugins")).unwrap().filter_map(Result::ok);
    let names: Vec<_> = kept.map(|file| file.file_name().into_string().unwrap()).collect();
    assert!(names.len() == 1 && names[0].ends_with(".wasm"), "{names:?}");
    // The master learns which plugins the node has loaded.
    let nodes = "/api/v1/diagnosis/workers/distributed";
    let is_told = |nodes: &Value| nodes[0]["cached_plugins"][0]["name"] == "brightness";
    let told = master.until(PATIENCE, nodes, is_told).await;
    assert_eq!(told[0]["cached_plugins"].as_array().unwrap().len(), 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_goes_on_where_it_stopped() {
    survives(Mischief::Cut, |count| count == 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_thrown_away_and_asked_for_again() {
    survives(Mischief::Flip, |count| count == 2).await;
}
