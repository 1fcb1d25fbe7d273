//! Tests of the precedence of layers, of aliases and secrets, and of messages about mistakes.

use std::io::Write;

use super::*;

const KEYS: &[Key] = &[
    Key {
        flag: "pool-size",
        env: "T_WORKER_POOL_SIZE",
        aliases: &["T_POOL_SIZE"],
        value_name: "N",
        default: Some("3"),
        secret: false,
        help: "Executors",
    },
    Key {
        flag: "api-token",
        env: "T_API_TOKEN",
        aliases: &[],
        value_name: "TOKEN",
        default: None,
        secret: true,
        help: "Bearer token",
    },
    Key {
        flag: "node-name",
        env: "T_NODE_NAME",
        aliases: &[],
        value_name: "NAME",
        default: Some("worker-node"),
        secret: false,
        help: "For people",
    },
];

fn run(flags: &[&str], environment: &[(&str, &str)]) -> Result<Resolved, SettingsError> {
    let arguments = std::iter::once("t").chain(flags.iter().copied()).map(OsString::from);
    let environment = environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
    read(Command::new("t"), "T_", KEYS, arguments, environment).map(|invocation| invocation.resolved)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let config = file("T_WORKER_POOL_SIZE=5\n");
    let pool = |flags: &[&str], environment: &[(&str, &str)]| {
        let resolved = run(flags, environment).unwrap();
        (resolved.text("pool-size").unwrap().to_owned(), resolved.origin("pool-size").unwrap().to_string())
    };
    assert_eq!(pool(&[], &[]), ("3".into(), "default".into()));
    let from_file = pool(&["--config", path(&config)], &[]);
    assert_eq!(from_file.0, "5");
    assert!(from_file.1.contains(path(&config)));
    let environment = [("T_WORKER_POOL_SIZE", "7")];
    assert_eq!(
        pool(&["--config", path(&config)], &environment),
        ("7".into(), "environment variable T_WORKER_POOL_SIZE".into())
    );
    assert_eq!(
        pool(&["--config", path(&config), "--pool-size", "9"], &environment),
        ("9".into(), "flag --pool-size".into())
    );
}

#[test]
fn an_alias_counts_unless_the_name_itself_is_there() {
    assert_eq!(run(&[], &[("T_POOL_SIZE", "4")]).unwrap().text("pool-size"), Some("4"));
    let both = run(&[], &[("T_POOL_SIZE", "4"), ("T_WORKER_POOL_SIZE", "6")]).unwrap();
    assert_eq!(both.text("pool-size"), Some("6"));
    assert!(both.warnings()[0].contains("T_POOL_SIZE"));
}

#[test]
fn an_unknown_key_gets_a_warning_that_names_the_nearest() {
    let resolved = run(&[], &[("T_NODE_NAM", "x"), ("T_ZZZZZZZZZZZZ", "y"), ("OTHER", "z")]).unwrap();
    assert_eq!(resolved.warnings().len(), 2);
    assert!(resolved.warnings()[0].contains("did you mean T_NODE_NAME?"));
    assert!(!resolved.warnings()[1].contains("did you mean"));
    let config = file("T_POLSIZE=3\n");
    assert!(run(&["--config", path(&config)], &[]).unwrap().warnings()[0].contains("T_POOL_SIZE"));
}

#[test]
fn an_empty_variable_is_not_set() {
    let resolved = run(&[], &[("T_WORKER_POOL_SIZE", "")]).unwrap();
    assert_eq!(resolved.text("pool-size"), Some("3"));
    assert!(!resolved.is_given("pool-size"));
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let secret = file("s3cret\n");
    let resolved = run(&[], &[("T_API_TOKEN_FILE", path(&secret))]).unwrap();
    assert_eq!(resolved.text("api-token"), Some("s3cret"));
    assert!(!format!("{resolved:?}").contains("s3cret"));
    let refused = resolved.required("api-token", |_| Err::<(), _>("no".into())).unwrap_err();
    assert!(!refused.to_string().contains("s3cret"));
    assert!(run(&[], &[("T_API_TOKEN_FILE", path(&secret)), ("T_API_TOKEN", "x")]).is_err());
    let missing = run(&[], &[("T_API_TOKEN_FILE", "/nowhere/token")]).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/token") && missing.contains("T_API_TOKEN_FILE"));
}

#[test]
fn a_wrong_value_is_told_with_key_value_origin_and_what_is_allowed() {
    let resolved = run(&[], &[("T_POOL_SIZE", "many")]).unwrap();
    let error = resolved.required("pool-size", |text| crate::number_in(text, 1..=256_u32)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "T_WORKER_POOL_SIZE = \"many\" (environment variable T_POOL_SIZE) is not valid: expected a number from 1 to 256"
    );
}

#[test]
fn a_broken_file_is_told_by_its_line_without_its_content() {
    let config = file("T_NODE_NAME=a\nthe token is s3cret\n");
    let error = run(&["--config", path(&config)], &[]).unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("s3cret"), "{error}");
    assert!(run(&["--config", "/nowhere.env"], &[]).unwrap_err().to_string().contains("/nowhere.env"));
}

#[test]
fn the_file_does_not_get_into_the_environment_nor_expand_it() {
    let config = file("T_NODE_NAME='$HOME is mine'\n");
    let resolved = run(&["--config", path(&config)], &[]).unwrap();
    assert_eq!(resolved.text("node-name"), Some("$HOME is mine"));
    assert!(std::env::var_os("T_NODE_NAME").is_none());
}

#[test]
fn what_is_printed_loads_again_as_it_was() {
    let before = run(&["--node-name", "it's $mine #1", "--api-token", "s3cret"], &[]).unwrap();
    let printed = before.render();
    let config = file(&printed);
    let after = run(&["--config", path(&config)], &[]).unwrap();
    assert_eq!(after.text("node-name"), Some("it's $mine #1"));
    assert_eq!(after.text("pool-size"), Some("3"));
    assert!(after.warnings().is_empty());
    assert!(!printed.contains("s3cret"));
}
