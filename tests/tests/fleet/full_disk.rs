//! A disk that is really full: a small file system in memory that only the program under test sees.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::client,
    process::{Master, PATIENCE, Running, read, slow_ffmpeg, worker},
    programs::{has_ffmpeg, make_clip, plugins, program},
};

/// The size of the file system in bytes: enough for the start of a master and the standard plugins.
const BYTES: u64 = 48 << 20;

/// A file system in its own mount namespace, which a process keeps open.
struct SmallDisk {
    holder: Child,
    dir: Arc<TempDir>,
}

impl SmallDisk {
    /// Makes the file system. Prints a message and returns None if this machine does not allow it.
    fn new() -> Option<Self> {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let script = format!("mount -t tmpfs -o size={BYTES} small \"$0\" && echo there && exec sleep 600");
        let mut unshare = Command::new("unshare");
        if !is_root() {
            unshare.arg("--map-root-user");
        }
        unshare.args(["--mount", "--propagation", "private", "--", "sh", "-c", &script]).arg(dir.path());
        let mut holder = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().ok()?;
        let mut said = [0; 5];
        let there = std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut said);
        let disk = Self { holder, dir };
        if there.is_err() {
            eprintln!("SKIPPED: no file system can be mounted here, not even in a namespace of its own");
            return None;
        }
        Some(disk)
    }

    /// Returns a command that runs the same program in the namespace, in which the file system is at `dir`.
    fn inside(&self, program: &Command) -> Command {
        let mut command = Command::new("nsenter");
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--mount", &format!("--target={}", self.holder.id()), "--"]);
        command.arg(program.get_program()).args(program.get_args());
        for (variable, value) in program.get_envs() {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        command.stdin(Stdio::null());
        command
    }

    /// Returns a path on the disk as the program sees it.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns a path on the disk as the test sees it.
    fn seen(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(dir).join(name)
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.seen("filler")).unwrap();
        for piece in [1 << 20, 4096, 1] {
            let bytes = vec![b'x'; piece];
            while file.write_all(&bytes).is_ok() {}
        }
        assert!(fs::write(self.seen("more"), "x").is_err(), "there is room");
        drop(fs::remove_file(self.seen("more")));
    }

    fn make_room(&self) {
        fs::remove_file(self.seen("filler")).unwrap();
    }

    fn master(&self, listen: &str, flags: &[&str]) -> Master {
        let mut command = program("easysight-master");
        command.args(["--listen", listen, "--data-dir"]).arg(self.path("master")).args(flags);
        Master::of(Running::start(self.inside(&command)), Arc::clone(&self.dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn names(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.collect()
}

#[tokio::test]
async fn an_upload_to_a_full_disk_is_refused_and_taken_once_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let master = disk.master("127.0.0.1:0", &[]);
    disk.fill();
    let bytes = fs::read(plugins().join("brightness.wasm")).unwrap();
    let upload = || {
        let request =
            master.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
        read(request.body(bytes.clone()))
    };
    let (status, problem) = upload().await;
    assert_eq!((status, &problem["type"]), (507, &json!("/problems/storage-full")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("space"), "{problem}");
    assert_eq!(names(&disk.seen("master/plugins")), [""; 0]);
    // The master still handles requests that need no space.
    assert_eq!(master.get("/api/v1/plugins").await, json!([]));
    assert_eq!(read(master.request(Method::GET, "/readyz")).await.0, 200);
    disk.make_room();
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, answer) = upload().await;
        if status == 201 {
            break;
        }
        assert!(Instant::now() < until, "{status} {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(names(&disk.seen("master/plugins")).len(), 1);
    master.activate(&plugins().join("brightness.wasm")).await;
}

/// Creates a camera with a long name. Returns the status and the answer.
async fn add_camera(master: &Master, at: usize) -> (u16, Value) {
    let name = format!("{at} {}", "camera ".repeat(20));
    let camera = json!({"id": format!("d{at}"), "name": name, "source": "rtsp://10.0.0.1/live"});
    master.post("/api/v1/diagnosis/cameras", &camera).await
}

#[tokio::test]
async fn a_database_on_a_full_disk_refuses_and_loses_nothing() {
    if !has_ffmpeg() {
        return;
    }
    let Some(disk) = SmallDisk::new() else { return };
    let flags = ["--lease-time", "60"];
    let master = disk.master("127.0.0.1:0", &flags);
    let address = master.address();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "4");
    master.publish_standard().await;
    master.add_cameras(3, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let flags_of_node = ["--ffmpeg", &slow.display().to_string(), "--task-poll-interval", "1"];
    let node = worker(&master, dir.path(), "w", &flags_of_node);
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 3).await;

    disk.fill();
    let mut taken = 0;
    let problem = loop {
        let (status, answer) = add_camera(&master, taken).await;
        if status != 201 {
            assert_eq!(status, 503, "{answer}");
            break answer;
        }
        taken += 1;
        assert!(taken < 100_000, "the disk is not full");
    };
    eprintln!("the database had room for {taken} cameras");
    assert_eq!(problem["type"], json!("/problems/store-unavailable"));
    assert!(problem["detail"].as_str().unwrap().contains("full"), "{problem}");
    // Writing fails repeatedly, while stored data can still be read.
    for _ in 0..5 {
        assert_eq!(add_camera(&master, taken).await.0, 503);
        assert_eq!(master.get("/api/v1/diagnosis/tasks/t").await["id"], json!("t"));
    }
    // The master refuses the node's results too, and the node keeps them.
    node.says(&["results are kept on disk until the master accepts them"]).await;
    disk.make_room();
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(3), "{run_is}");
    assert_eq!(master.findings(&run).await.len(), 6);
    assert_eq!(add_camera(&master, taken).await.0, 201);
    // Everything that was answered with 201 is still stored after a restart.
    drop(master);
    let master = disk.master(&address, &flags);
    for at in 0..=taken {
        let id = format!("d{at}");
        assert_eq!(master.get(&format!("/api/v1/diagnosis/cameras/{id}")).await["id"], json!(id));
    }
    assert_eq!(master.findings(&run).await.len(), 6);
}

#[tokio::test]
async fn a_node_whose_disk_is_full_lets_go_of_what_it_can_neither_deliver_nor_keep() {
    if !has_ffmpeg() {
        return;
    }
    let Some(disk) = SmallDisk::new() else { return };
    let data = Arc::new(tempfile::tempdir().unwrap());
    let flags = ["--lease-time", "3"];
    let master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &flags);
    let address = master.address();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "2");
    master.publish_standard().await;
    master.add_cameras(3, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "max_attempts": 10})).await;
    let mut command = program("easysight-worker");
    command.args(["--master-url", master.url(), "--node-name", "w", "--listen", "127.0.0.1:0"]);
    command.args(["--task-poll-interval", "1", "--ffmpeg"]).arg(&slow).arg("--data-dir").arg(disk.path("w"));
    let node = Running::start(disk.inside(&command));
    master.has_nodes(1).await;
    // The node has the plugins before its disk is full.
    let warm = master.submit("t").await;
    master.finished(&warm, PATIENCE).await;

    disk.fill();
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 3).await;
    // Waits until the jobs have reached the node. Otherwise the node would have no results after the master is
    // killed.
    let until = Instant::now() + PATIENCE;
    let status = format!("{}/api/v1/diagnosis/workers/status", node.url);
    loop {
        let (_, node) = read(client().get(&status)).await;
        let count = |field: &str| node["pool"][field].as_u64().unwrap();
        if count("running") + count("waiting") == 3 {
            break;
        }
        assert!(Instant::now() < until, "the jobs do not reach the node");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let Master { running, .. } = master;
    running.kill();
    node.says(&["neither delivered nor kept on disk"]).await;
    assert_eq!(names(&disk.seen("w/spool")), [""; 0]);
    // The leases expire, and the same node runs the jobs again although its disk is still full.
    let master = Master::start_in(data, &address, &flags);
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(3), "{run_is}");
    assert_eq!(master.findings(&run).await.len(), 6);
    disk.make_room();
    let run = master.submit("t").await;
    assert_eq!(master.finished(&run, PATIENCE).await["progress"]["finished"], json!(3));
}
