//! Good cameras next to bad ones. A bad camera occupies only its own slot, so the good cameras are judged in every
//! run. A bad camera is checked less and less often until it gives a picture again, and its state shows this.
//!
//! `EASYSIGHT_CAMERAS=200` uses 200 cameras of each kind instead of a few, with the default time limits of workers.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    camera::{Camera, Habits},
    http::client,
    process::{Master, Running, worker},
    programs::{has_ffmpeg, program},
    street::{Bad, Habit, Server, bad_kinds, http},
};

/// The number of runs of the good cameras alone.
const ALONE: usize = 2;
/// The number of runs of all cameras together.
const TOGETHER: usize = 4;

/// The size of the test.
struct Size {
    /// The number of good cameras, and of bad ones.
    cameras: usize,
    every: Duration,
    worker: &'static [&'static str],
}

#[expect(clippy::disallowed_methods, reason = "a test has no other configuration")]
fn size() -> Size {
    match env::var("EASYSIGHT_CAMERAS").ok().map(|number| number.parse().unwrap()) {
        Some(cameras) => Size { cameras, every: Duration::from_secs(75), worker: &[] },
        None => Size {
            cameras: 2 * bad_kinds().len(),
            every: Duration::from_secs(20),
            worker: &[
                "--pool-size",
                "2",
                "--max-concurrent-tasks",
                "2",
                "--connect-timeout",
                "3",
                "--capture-timeout",
                "6",
            ],
        },
    }
}

/// Makes a small picture, and the same picture as H.264.
fn media(dir: &Path) -> (Vec<u8>, Vec<u8>) {
    let make = |name: &str, arguments: &[&str]| {
        let file = dir.join(name);
        let source = "testsrc2=size=96x64:rate=10:duration=4,noise=alls=8:allf=t";
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", source]).args(arguments).arg(&file);
        assert!(ffmpeg.stdin(Stdio::null()).status().unwrap().success());
        fs::read(file).unwrap()
    };
    let picture = make("a.jpg", &["-frames:v", "1"]);
    (picture, make("a.h264", &["-c:v", "libx264", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p"]))
}

/// The servers of the cameras.
struct Street {
    pictures: Server,
    rtsp: Vec<Camera>,
    bad: Vec<(Bad, Option<Server>)>,
}

impl Street {
    async fn build(picture: &[u8], h264: &[u8], good: usize) -> Self {
        let pictures = Server::start(Habit::Answers(http("200 OK", "image/jpeg", picture))).await;
        let mut rtsp = Vec::new();
        for _ in 0..good / 2 {
            let stamp = |n| (n * 9_000) as u32;
            rtsp.push(Camera::start(h264, Habits { rate: 10.0, stamp, ..Habits::default() }).await);
        }
        let mut bad = Vec::new();
        for mut kind in bad_kinds() {
            let server = match kind.habit.take() {
                Some(habit) => Some(Server::start(habit).await),
                None => None,
            };
            bad.push((kind, server));
        }
        Self { pictures, rtsp, bad }
    }

    /// Returns the address of the good camera with this number.
    fn good(&self, number: usize) -> String {
        match self.rtsp.get(number) {
            Some(camera) => camera.url.clone(),
            None => format!("http://{}/{number}.jpg", self.pictures.address),
        }
    }

    /// Returns the kind and the address of the bad camera with this number.
    fn bad(&self, number: usize) -> (&Bad, String) {
        let (kind, server) = &self.bad[number % self.bad.len()];
        let address = server.as_ref().map(|server| server.address.to_string()).unwrap_or_default();
        (kind, kind.source.replace("{}", &address))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_cameras_are_judged_beside_as_many_bad_ones_which_are_asked_ever_more_rarely() {
    if !has_ffmpeg() {
        return;
    }
    let Size { cameras, every, worker: flags } = size();
    let master = Master::start();
    master.publish_standard().await;
    let data = tempfile::tempdir().unwrap();
    let workers = ["w1", "w2"].map(|name| worker(&master, data.path(), name, flags));
    master.has_nodes(2).await;
    let (picture, h264) = media(data.path());
    let mut street = Street::build(&picture, &h264, cameras).await;
    // A camera that is unplugged, and plugged in again at the end.
    let unplugged = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    // The ids are chosen so that good and bad cameras alternate in sorted order.
    let mut csv = "id,name,source,groups\n".to_owned();
    for number in 0..cameras {
        csv += &format!("c{number:03}-good,good,{},good;all\n", street.good(number));
        let (kind, source) = street.bad(number);
        csv += &format!("c{number:03}-{},bad,{source},all\n", kind.name);
    }
    csv += &format!("unplugged,bad,http://{unplugged}/a.jpg,all\n");
    let request = master.request(reqwest::Method::POST, "/api/v1/diagnosis/cameras/import");
    let (status, body) = crate::process::read(request.header("content-type", "text/csv").body(csv)).await;
    assert_eq!((status, &body["problems"]), (200, &json!([])), "{body}");

    let alone = watch(&master, "good", every, ALONE, &workers).await;
    let before = steady(&workers);
    let beside = watch(&master, "all", every, TOGETHER, &workers).await;
    let after = steady(&workers);

    let good: BTreeSet<String> = (0..cameras).map(|number| format!("c{number:03}-good")).collect();
    report("good ones alone", &alone, &good);
    report("beside bad ones", &beside, &good);
    eprintln!("workers (KiB, descriptors): {before:?} before the bad ones, {after:?} after them");
    for (was, is) in before.iter().zip(&after) {
        assert!(is.0 < 2 * was.0 + 100_000 && is.1 < was.1 + 100, "{before:?} {after:?}");
    }
    // Every good camera was judged in every run. None was lost or left out.
    for run in alone.iter().chain(&beside) {
        let judged: BTreeSet<String> = run.judged().map(|(camera, _)| camera.to_owned()).collect();
        assert!(good.is_subset(&judged), "{:?}", good.difference(&judged).collect::<Vec<_>>());
    }
    let lost = master.get("/api/v1/diagnosis/cameras?lost=true&limit=1000").await;
    let lost: BTreeMap<&str, &Value> = lost["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), &one["lost"]))
        .collect();
    assert_eq!(lost.len(), cameras + 1, "{lost:?}");
    // Every bad camera has its reason, and was asked less often.
    let mut asked: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 0..cameras {
        let (kind, _) = street.bad(number);
        let state = lost[&*format!("c{number:03}-{}", kind.name)];
        let reason = state["reason"].as_str().unwrap();
        assert!(kind.reasons.contains(&reason), "{}: {state}", kind.name);
        let at = |field: &str| state[field].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        let looks = state["looks"].as_u64().unwrap();
        assert!(looks >= 2 && at("next_full_look_at") > at("looked_at"), "{}: {state}", kind.name);
        *asked.entry(kind.name).or_default() += looks;
    }
    let spared = beside.iter().flat_map(|run| &run.findings).filter(|one| one["look"] == "connect");
    let spared: BTreeSet<&str> = spared.map(|one| one["camera_id"].as_str().unwrap()).collect();
    eprintln!("{} of {} bad cameras were only connected to in some run", spared.len(), cameras + 1);
    assert!(spared.len() > cameras * 3 / 4, "{spared:?}");
    for (kind, server) in &street.bad {
        // One check sends one request, except to cameras that redirect or ask for credentials.
        if let Some(server) = server
            && !kind.name.contains("password")
            && kind.name != "sends-on"
        {
            // A camera that reports that it is busy is asked again in the same check, at most twice.
            let times = if kind.name == "broken-web" { 3 } else { 1 };
            assert!(server.asked() <= times * asked[kind.name], "{}: {} asked", kind.name, server.asked());
        }
    }
    for camera in &mut street.rtsp {
        let asked = std::iter::from_fn(|| camera.asked.try_recv().ok());
        let plays = asked.filter(|asked| asked.starts_with("PLAY ")).count();
        assert!(plays >= ALONE + TOGETHER, "{}: {plays}", camera.url);
    }
    let metrics = text(&master.running.url).await;
    assert!(metrics.contains(&format!("easysight_master_cameras_lost {}", cameras + 1)), "{metrics}");

    // The camera is plugged in again. The next check notices this, even if the next full look would be later.
    let shown = easysight(&master, &["camera", "show", "unplugged"]);
    assert!(shown.contains("connection-refused") && shown.contains("the first check after"), "{shown}");
    let _plugged_in =
        Server::start_at(&unplugged.to_string(), Habit::Answers(http("200 OK", "image/jpeg", &picture)))
            .await;
    let task = json!({"id": "back", "name": "t", "cameras": ["unplugged"], "diagnoses": ["brightness"],
        "schedule": {"kind": "interval", "every_s": 5}});
    master.add_task(task).await;
    let well = |camera: &Value| camera["lost"].is_null() && camera["status"] == "normal";
    master.until(Duration::from_secs(60), "/api/v1/diagnosis/cameras/unplugged", well).await;
    assert!(easysight(&master, &["camera", "list", "--lost"]).lines().count() > cameras);
}

/// A scheduled run and its findings.
struct Run {
    due: DateTime<Utc>,
    findings: Vec<Value>,
}

impl Run {
    /// Returns the cameras that gave a picture, and the time in seconds from the start of the run to each result.
    fn judged(&self) -> impl Iterator<Item = (&str, f64)> {
        let seen = self.findings.iter().filter(|one| one["status"] == "normal");
        seen.map(|one| {
            let at: DateTime<Utc> = one["recorded_at"].as_str().unwrap().parse().unwrap();
            (one["camera_id"].as_str().unwrap(), (at - self.due).as_seconds_f64())
        })
    }
}

/// Lets the schedule of a task start a number of runs. Returns the runs.
async fn watch(
    master: &Master,
    group: &str,
    every: Duration,
    runs: usize,
    workers: &[Running; 2],
) -> Vec<Run> {
    let task = json!({"id": group, "name": group, "groups": [group], "diagnoses": ["brightness"],
        "schedule": {"kind": "interval", "every_s": every.as_secs()}});
    master.add_task(task).await;
    let patience = every * (runs as u32 + 4);
    let path = format!("/api/v1/diagnosis/runs?task_id={group}");
    let deadline = Instant::now() + patience;
    let mut busiest = (0, 0);
    let listed = loop {
        let listed = master.get(&path).await;
        if listed["items"].as_array().unwrap().len() >= runs {
            break listed;
        }
        assert!(Instant::now() < deadline, "{listed}");
        for worker in workers {
            let status = client().get(format!("{}/api/v1/diagnosis/workers/status", worker.url)).send().await;
            let status: Value = status.unwrap().json().await.unwrap();
            let count = |field: &str| status["pool"][field].as_u64().unwrap();
            busiest = (busiest.0.max(count("running")), busiest.1.max(count("waiting")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    // No more runs are started. The runs in progress end.
    let (status, body) = master.post(&format!("/api/v1/diagnosis/tasks/{group}/pause"), &json!({})).await;
    assert_eq!(status, 200, "{body}");
    eprintln!(
        "{group}: at most {} jobs in flight at a worker or on their way back, and {} waiting captures",
        busiest.0, busiest.1
    );
    let mut all = Vec::new();
    for run in listed["items"].as_array().unwrap().iter().rev().take(runs) {
        let id = run["id"].as_str().unwrap();
        master.finished(id, patience).await;
        let due = run["fire_time"].as_str().unwrap().parse().unwrap();
        all.push(Run { due, findings: master.findings(id).await });
    }
    all
}

fn report(what: &str, runs: &[Run], good: &BTreeSet<String>) {
    for (number, run) in runs.iter().enumerate() {
        let mut took: Vec<f64> =
            run.judged().filter(|(camera, _)| good.contains(*camera)).map(|(_, took)| took).collect();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        let words: BTreeMap<&str, usize> = run.findings.iter().fold(BTreeMap::new(), |mut all, one| {
            *all.entry(one["loss"].as_str().unwrap_or("judged")).or_default() += 1;
            all
        });
        let connect = run.findings.iter().filter(|one| one["look"] == "connect").count();
        eprintln!(
            "{what}, run {number}: {} good ones after {:.1} s (p50), {:.1} s (p99), {:.1} s (last); {connect} cameras \
             only connected to; {words:?}",
            took.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

/// Returns the resident memory in KiB and the number of open descriptors of each worker.
fn steady(workers: &[Running; 2]) -> Vec<(u64, usize)> {
    let of = |worker: &Running| {
        let proc = Path::new("/proc").join(worker.process.id().to_string());
        let status = fs::read_to_string(proc.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let resident = line.trim().trim_end_matches(" kB").parse().unwrap();
        (resident, fs::read_dir(proc.join("fd")).unwrap().count())
    };
    workers.iter().map(of).collect()
}

async fn text(url: &str) -> String {
    client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap()
}

/// Returns the output of the command line.
fn easysight(master: &Master, arguments: &[&str]) -> String {
    let output = program("easysight").args(arguments).args(["--master", master.url()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
