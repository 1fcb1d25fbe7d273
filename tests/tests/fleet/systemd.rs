//! The notifications of both programs to systemd: ready, alive, stopping.

use std::{os::unix::net::UnixDatagram, process::Command, time::Instant};

use crate::{
    process::{PATIENCE, Running},
    programs::program,
};

async fn tells_systemd(mut command: Command) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // The watchdog expects a notification every half second.
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "500000").env_remove("WATCHDOG_PID");
    let hear = || {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).expect("no notification arrived");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    command.arg("--data-dir").arg(dir.path().join("data"));
    let mut running = Running::start(command);
    let heard: Vec<String> = (0..6).map(|_| hear()).collect();
    let says = |word: &str| heard.iter().filter(|message| message.lines().any(|line| line == word)).count();
    assert_eq!(says("READY=1"), 1, "{heard:?}");
    assert_eq!(says("WATCHDOG=1"), 5, "{heard:?}");
    let before = Instant::now();
    (0..4).for_each(|_| drop(hear()));
    assert!(before.elapsed().as_millis() >= 500, "the notifications come too often");
    running.signal("-TERM");
    let until = Instant::now() + PATIENCE;
    while !hear().lines().any(|line| line == "STOPPING=1") {
        assert!(Instant::now() < until, "the program does not report that it stops");
    }
    assert!(running.process.wait().unwrap().success());
}

#[tokio::test]
async fn systemd_hears_of_a_master_that_it_is_ready_alive_and_stopping() {
    let mut command = program("easysight-master");
    command.args(["--listen", "127.0.0.1:0"]);
    tells_systemd(command).await;
}

#[tokio::test]
async fn systemd_hears_of_a_node_that_it_is_ready_alive_and_stopping() {
    let mut command = program("easysight-worker");
    command.args(["--listen", "127.0.0.1:0", "--master-url", "http://127.0.0.1:1"]);
    tells_systemd(command).await;
}

#[tokio::test]
async fn systemd_hears_of_a_standalone_worker_that_it_is_ready_alive_and_stopping() {
    let mut command = program("easysight-worker");
    command.args(["--listen", "127.0.0.1:0", "--mode", "standalone"]);
    tells_systemd(command).await;
}
