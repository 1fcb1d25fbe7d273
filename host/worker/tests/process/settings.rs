//! Tests that every documented setting has an effect: for each setting, there is a situation in which two values give
//! different results.

use std::{collections::BTreeSet, fs};

use futures::{StreamExt, future::BoxFuture};

use crate::{
    observations::*,
    stage::{Stage, has_ffmpeg},
};

/// A setting in a situation.
struct Case {
    key: &'static str,
    /// The other settings.
    given: &'static [(&'static str, &'static str)],
    /// Two values of the setting. `None` means the default.
    values: [Option<&'static str>; 2],
    observe: fn(Stage) -> BoxFuture<'static, String>,
    /// The expected observation for each value.
    seen: [&'static str; 2],
}

const ALONE: (&str, &str) = ("WORKER_MODE", "standalone");
const MASTER: (&str, &str) = ("WORKER_MASTER_URL", "http://127.0.0.1:{master}");
const MUCH_TIME: (&str, &str) = ("WORKER_PLUGIN_TIMEOUT", "60000");
const MUCH_FUEL: (&str, &str) = ("WORKER_FUEL", "1000000000000");
const ONE_EXECUTOR: (&str, &str) = ("WORKER_WORKER_POOL_SIZE", "1");
const ONE_EACH: (&str, &str) = ("WORKER_MAX_CONCURRENT_TASKS", "1");

macro_rules! case {
    ($key:literal, [$($given:expr),*], $values:expr, $observe:ident, $seen:expr) => {
        Case { key: $key, given: &[$($given),*], values: $values, observe: |stage| Box::pin($observe(stage)), seen: $seen }
    };
}

const CASES: &[Case] = &[
    case!("WORKER_MODE", [MASTER], [None, Some("standalone")], takes_submissions, ["no", "yes"]),
    case!("WORKER_NODE_ID", [MASTER], [None, Some("gate-7")], registers_as_gate_7, ["no", "yes"]),
    case!("WORKER_NODE_NAME", [MASTER], [None, Some("Gate")], registered_name, ["worker-node", "Gate"]),
    case!("WORKER_WORKER_POOL_SIZE", [ALONE, ONE_EACH], [Some("1"), Some("2")], jobs_in_flight, ["1", "2"]),
    case!(
        "WORKER_MAX_CONCURRENT_TASKS",
        [ALONE, ONE_EXECUTOR],
        [Some("1"), Some("3")],
        jobs_in_flight,
        ["1", "3"]
    ),
    case!(
        "WORKER_MASTER_HOST",
        [("WORKER_MASTER_PORT", "{master}")],
        [None, Some("127.0.0.1")],
        host_of_master,
        ["localhost", "127.0.0.1"]
    ),
    case!(
        "WORKER_MASTER_PORT",
        [],
        [Some("{master}"), Some("{other}")],
        which_master,
        ["the first", "the second"]
    ),
    case!(
        "WORKER_MASTER_URL",
        [],
        [Some("http://127.0.0.1:{master}"), Some("http://127.0.0.1:{master}/behind")],
        path_at_master,
        ["/api/v1/diagnosis/workers/register", "/behind/api/v1/diagnosis/workers/register"]
    ),
    case!("WORKER_MASTER_CA", [], [None, Some("{dir}/ca.pem")], believes_master, ["no", "yes"]),
    case!("WORKER_API_TOKEN", [ALONE], [None, Some("t0ken")], answer_without_token, ["200", "401"]),
    case!("WORKER_API_TOKEN", [MASTER], [None, Some("t0ken")], shows_master, ["nothing", "Bearer t0ken"]),
    case!(
        "WORKER_API_TOKEN_FILE",
        [MASTER],
        [None, Some("{dir}/token")],
        shows_master,
        ["nothing", "Bearer from-the-file"]
    ),
    case!(
        "WORKER_PLUGINS_DIR",
        [ALONE],
        [Some("{dir}/empty"), Some("{dir}/plugins")],
        plugins_at_hand,
        ["none", "honestly"]
    ),
    case!(
        "WORKER_DATA_DIR",
        [ALONE],
        [Some("{dir}/data"), Some("{dir}/other-data")],
        keeps_identity_in,
        ["data", "other-data"]
    ),
    case!(
        "WORKER_LISTEN",
        [ALONE],
        [Some("127.0.0.1:0"), Some("127.0.0.2:0")],
        listens_on,
        ["127.0.0.1", "127.0.0.2"]
    ),
    case!("WORKER_LABELS", [MASTER], [None, Some("site=north")], labels, ["{}", "{\"site\":\"north\"}"]),
    case!("WORKER_LOG_LEVEL", [ALONE], [None, Some("ERROR")], says_that_it_is_up, ["yes", "no"]),
    case!("WORKER_LOG_FILE", [ALONE], [None, Some("{dir}/log/worker.log")], log_files, ["0", "1"]),
    case!("WORKER_LOG_FORMAT", [ALONE], [None, Some("json")], lines_are_json, ["no", "yes"]),
    case!(
        "WORKER_OTLP_ENDPOINT",
        [ALONE],
        [None, Some("http://127.0.0.1:{master}")],
        exports_traces,
        ["no", "yes"]
    ),
    case!("WORKER_TASK_POLL_INTERVAL", [MASTER], [None, Some("0.7")], wait_of_a_poll, ["5000", "700"]),
    case!("WORKER_HEARTBEAT_INTERVAL", [MASTER], [None, Some("0.1")], heart_beats, ["seldom", "often"]),
    case!(
        "WORKER_FUEL",
        [ALONE, MUCH_TIME],
        [None, Some("2100M")],
        end_of_an_endless_plugin,
        ["its fuel of 2000000000", "its fuel of 2100000000"]
    ),
    case!(
        "WORKER_FUEL",
        [MASTER, MUCH_TIME],
        [Some("1M"), Some("2100M")],
        end_of_an_endless_plugin_of_a_master,
        ["its fuel of 1000000", "its fuel of 2100000000"]
    ),
    case!(
        "WORKER_MEMORY_LIMIT",
        [ALONE],
        [None, Some("512MiB")],
        end_of_a_greedy_plugin,
        ["the limit is 268435456", "the limit is 536870912"]
    ),
    case!(
        "WORKER_MEMORY_LIMIT",
        [MASTER],
        [Some("64MiB"), Some("512MiB")],
        end_of_a_greedy_plugin_of_a_master,
        ["the limit is 67108864", "the limit is 536870912"]
    ),
    case!(
        "WORKER_PLUGIN_TIMEOUT",
        [ALONE, MUCH_FUEL],
        [Some("200"), Some("10500")],
        end_of_an_endless_plugin,
        ["longer than 200 ms", "longer than 10500 ms"]
    ),
    case!(
        "WORKER_PLUGIN_TIMEOUT",
        [MASTER, MUCH_FUEL],
        [Some("200"), Some("10500")],
        end_of_an_endless_plugin_of_a_master,
        ["longer than 200 ms", "longer than 10500 ms"]
    ),
    case!("WORKER_TRUSTED_KEYS", [ALONE], [None, Some("{dir}/keys")], plugins_at_hand, ["honestly", "none"]),
    case!("WORKER_FILE_SOURCES", [ALONE], [None, Some("deny")], answer_to_a_file, ["taken", "403"]),
    case!(
        "WORKER_QUEUE_CAPACITY",
        [ALONE, ONE_EXECUTOR, ONE_EACH],
        [None, Some("1")],
        refused_of_four,
        ["0", "2"]
    ),
    case!("WORKER_MAX_UPLOAD", [ALONE], [None, Some("1KiB")], answer_to_an_upload, ["taken", "413"]),
    case!(
        "WORKER_SPOOL_LIMIT",
        [MASTER, ("WORKER_HEARTBEAT_INTERVAL", "0.1")],
        [None, Some("1MiB")],
        spooled_of_three,
        ["3", "1"]
    ),
    case!(
        "WORKER_DRAIN_TIMEOUT",
        [ALONE, ("WORKER_CONNECT_TIMEOUT", "1")],
        [None, Some("0")],
        gives_jobs_up_when_stopped,
        ["no", "yes"]
    ),
    case!(
        "WORKER_FFMPEG",
        [ALONE],
        [None, Some("{dir}/ffmpeg")],
        outcome_of_a_picture,
        ["judged", "ffmpeg-missing"]
    ),
    case!(
        "WORKER_CAPTURE_MEMORY",
        [ALONE],
        [None, Some("512MiB")],
        outcome_of_a_huge_picture,
        ["judged", "too-large"]
    ),
    case!(
        "WORKER_CAPTURE_TIMEOUT",
        [ALONE, ("WORKER_CONNECT_TIMEOUT", "60")],
        [Some("1"), Some("2")],
        word_on_a_silent_camera,
        ["not open after 1 s", "not open after 2 s"]
    ),
    case!(
        "WORKER_RTSP_TRANSPORT",
        [ALONE],
        [Some("tcp"), Some("udp")],
        transport_that_is_asked_for,
        ["RTP/AVP/TCP", "RTP/AVP"]
    ),
    case!(
        "WORKER_RTSP_TRANSPORT",
        [ALONE],
        [None, Some("udp")],
        transport_that_is_asked_for,
        ["RTP/AVP/TCP", "RTP/AVP"]
    ),
    case!(
        "WORKER_CONNECT_TIMEOUT",
        [ALONE],
        [Some("1"), Some("4")],
        patience_with_a_silent_camera,
        ["1 s", "4 s"]
    ),
];

/// The keys of the example file, including lines that are commented out.
fn documented() -> BTreeSet<String> {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../worker.env.example");
    let text = fs::read_to_string(example).unwrap();
    let keys = text.lines().filter_map(|line| {
        let (key, _) = line.trim_start_matches(['#', ' ']).split_once('=')?;
        let is_key = key.starts_with("WORKER_") && key.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_key.then(|| key.to_owned())
    });
    keys.collect()
}

#[test]
fn for_every_documented_setting_there_is_a_situation_that_shows_it() {
    let shown: BTreeSet<_> = CASES.iter().map(|case| case.key.to_owned()).collect();
    assert!(documented().len() > 30);
    assert_eq!(documented(), shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_setting_changes_what_the_worker_does() {
    if !has_ffmpeg() {
        return;
    }
    let tried = CASES.iter().flat_map(|case| [(case, 0), (case, 1)]).map(|(case, one)| async move {
        let mut settings = case.given.to_vec();
        settings.extend(case.values[one].map(|value| (case.key, value)));
        let stage = Stage::new(&settings).await;
        // A failure in one situation must not affect the others.
        let seen = tokio::spawn((case.observe)(stage)).await.unwrap_or_else(|error| error.to_string());
        let value = case.values[one].unwrap_or("the default");
        (seen != case.seen[one]).then(|| format!("{} {value}: {seen}, not {}", case.key, case.seen[one]))
    });
    let wrong: Vec<_> =
        futures::stream::iter(tried).buffer_unordered(4).filter_map(|wrong| async { wrong }).collect().await;
    assert_eq!(wrong, [""; 0]);
}
