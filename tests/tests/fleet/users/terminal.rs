//! Users that are managed with `easysight-master user` while the master runs.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use serde_json::Value;

use super::{Browser, CAMERAS, PASSWORD, sign_in};
use crate::{
    process::{Master, PATIENCE, read},
    programs::program,
};

/// Runs `easysight-master user …` with a password on its standard input.
fn user(data: &std::path::Path, arguments: &[&str], password: &str) -> Output {
    let mut command = program("easysight-master");
    command.arg("--data-dir").arg(data).arg("user").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // A command that needs no password may end before it reads.
    drop(process.stdin.take().unwrap().write_all(password.as_bytes()));
    process.wait_with_output().unwrap()
}

#[tokio::test]
async fn users_are_made_and_changed_at_the_terminal() {
    let master = Master::start();
    let run = |arguments: &[&str], password: &str| {
        let output = user(master.data.path(), arguments, password);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let create = ["create", "--name", "Ada", "--scope", "admin"];
    let (done, _, said) = run(&create, "too short\n");
    assert!(!done && said.contains("at least 10 characters"), "{said}");
    let (done, _, said) = run(&["create", "--name", "w", "--scope", "worker"], &format!("{PASSWORD}\n"));
    assert!(!done && said.contains("token create"), "{said}");
    let (done, out, said) = run(&create, &format!("{PASSWORD}\n"));
    assert!(done && !(out + &said).contains(PASSWORD), "{said}");
    let (done, _, said) = run(&create, &format!("{PASSWORD}\n"));
    assert!(!done && said.contains("a user `Ada` already"), "{said}");
    let (done, _, said) = run(&["disable", "Ada"], "");
    assert!(!done && said.contains("the only administrator"), "{said}");
    assert!(run(&["create", "--name", "Bea", "--scope", "viewer"], &format!("{PASSWORD}\n")).0);
    let (_, list, _) = run(&["list"], "");
    assert!(list.contains("\tadmin\tenabled\t") && list.contains("\tviewer\tenabled\t"), "{list}");
    // The running master notices the first user, and the end of a session, within seconds.
    let closed = |answer: &Value| answer["status"] == 401;
    master.until(PATIENCE, CAMERAS, closed).await;
    let bea = Browser::sign_in(&master, "bea", PASSWORD).await;
    assert!(run(&["password", "Bea"], "another password\n").0);
    let until = std::time::Instant::now() + PATIENCE;
    while bea.reads(&master).await != 401 {
        assert!(std::time::Instant::now() < until, "the session does not end");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Browser::sign_in(&master, "Bea", "another password").await;
    assert!(run(&["disable", "bea"], "").0);
    assert_eq!(read(sign_in(&master, "Bea", "another password")).await.0, 401);
    assert!(run(&["enable", "bea"], "").0);
    Browser::sign_in(&master, "Bea", "another password").await;
    let (done, _, said) = run(&["disable", "nobody"], "");
    assert!(!done && said.contains("there is no user `nobody`"), "{said}");
}
