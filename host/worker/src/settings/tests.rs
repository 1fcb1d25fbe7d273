//! Tests the worker's own rules. The tests of flags, environment variables and configuration files are in the crate
//! `easysight-settings`.

use super::*;

fn read(flags: &[&str], environment: &[(&str, &str)]) -> Result<(WorkerSettings, Invocation), SettingsError> {
    let arguments = std::iter::once("easysight-worker").chain(flags.iter().copied()).map(OsString::from);
    let home = std::iter::once(&("HOME", "/home/x"));
    let environment = home.chain(environment).map(|(k, v)| (OsString::from(k), OsString::from(v)));
    WorkerSettings::read(arguments, environment)
}

fn refusal(flags: &[&str]) -> String {
    read(flags, &[]).map(drop).unwrap_err().to_string()
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let (settings, invocation) = read(&[], &[]).unwrap();
    assert!(invocation.resolved.warnings().is_empty());
    assert_eq!(settings.mode, NodeMode::Distributed);
    assert_eq!((settings.pool_size, settings.max_concurrent_tasks), (3, 3));
    assert_eq!(settings.master, "http://localhost:8000");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8001");
    assert_eq!(settings.data_dir, PathBuf::from("/home/x/.local/state/easysight/worker-node"));
    assert_eq!(settings.plugins_dir, settings.data_dir.join("plugins"));
    assert_eq!(settings.heartbeat_interval, Duration::from_secs(30));
    assert_eq!(settings.memory_limit, 256 << 20);
    assert!(settings.takes_files());
}

#[test]
fn the_example_file_loads_as_it_is_and_knows_every_key() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../worker.env.example");
    let (settings, invocation) = read(&["--config", example], &[]).unwrap();
    assert_eq!(invocation.resolved.warnings(), [] as [String; 0]);
    let (defaults, _) = read(&[], &[]).unwrap();
    assert_eq!(format!("{settings:?}"), format!("{defaults:?}"));
    let text = std::fs::read_to_string(example).unwrap();
    for key in KEYS {
        assert!(text.contains(&format!("{}=", key.env)), "{} is missing", key.env);
    }
}

#[test]
fn who_listens_beyond_loopback_needs_a_token() {
    assert!(refusal(&["--listen", "0.0.0.0:8001"]).contains("--api-token"));
    let (settings, _) = read(&["--listen", "0.0.0.0:8001", "--api-token", "t"], &[]).unwrap();
    assert!(!settings.takes_files());
    assert!(!format!("{settings:?}").contains("\"t\""));
    assert!(refusal(&["--api-token", "two words"]).contains("***"));
}

#[test]
fn the_master_has_one_address() {
    let (settings, _) = read(&["--master-url", "https://lb.example/easysight"], &[]).unwrap();
    assert_eq!(settings.master, "https://lb.example/easysight");
    let twice = refusal(&["--master-url", "https://a", "--master-port", "9"]);
    assert!(twice.contains("--master-url") && twice.contains("--master-port"));
    assert!(refusal(&["--master-url", "ftp://a"]).contains("http"));
    assert!(refusal(&["--master-url", "https://u:p@a"]).contains("--api-token"));
}

#[test]
fn values_out_of_range_say_what_is_allowed() {
    for (flag, value, said) in [
        ("--pool-size", "0", "1 to 256"),
        ("--mode", "cluster", "standalone"),
        ("--listen", "8001", "127.0.0.1:8001"),
        ("--log-level", "LOUD", "DEBUG"),
        ("--labels", "north", "key=value"),
        ("--memory-limit", "5GiB", "bytes from"),
        ("--node-id", "a b", "letters"),
        ("--heartbeat-interval", "0", "seconds from"),
        ("--file-sources", "maybe", "auto"),
        ("--spool-limit", "1", "bytes from"),
    ] {
        let refused = refusal(&[flag, value]);
        assert!(refused.contains(said) && refused.contains(flag), "{refused}");
    }
}

#[test]
fn without_a_home_the_data_directory_must_be_named() {
    let none: [(OsString, OsString); 0] = [];
    let refused = WorkerSettings::read([OsString::from("w")], none).map(drop).unwrap_err();
    assert!(refused.to_string().contains("--data-dir"));
    let systemd = [(OsString::from("STATE_DIRECTORY"), OsString::from("/var/lib/easysight"))];
    let (settings, _) = WorkerSettings::read([OsString::from("w")], systemd).unwrap();
    assert_eq!(settings.data_dir, PathBuf::from("/var/lib/easysight"));
}

#[test]
fn workers_of_other_names_have_directories_of_their_own() {
    let dir = |name: &str| read(&["--node-name", name], &[]).unwrap().0.data_dir;
    assert_eq!(dir("worker-2"), PathBuf::from("/home/x/.local/state/easysight/worker-2"));
    assert_eq!(dir("../../etc"), PathBuf::from("/home/x/.local/state/easysight/_.._etc_"));
    assert_eq!(dir("..").parent(), dir("a").parent());
}

#[test]
fn labels_are_pairs() {
    let (settings, _) = read(&["--labels", "site=north, rack=3"], &[]).unwrap();
    assert_eq!(settings.labels.get("rack").map(String::as_str), Some("3"));
}
