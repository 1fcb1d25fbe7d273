//! The systemd units in `deploy/` must be well formed.
#![cfg(test)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const UNITS: [&str; 3] =
    ["easysight-master.service", "easysight-worker.service", "easysight-worker@.service"];

/// True if systemd is installed. Otherwise prints that the test is skipped.
fn has_systemd() -> bool {
    let there = Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: systemd-analyze is not installed");
    }
    there
}

/// Returns the text of a unit in `deploy/`.
fn unit(name: &str) -> String {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/systemd");
    fs::read_to_string(units.join(name)).unwrap()
}

/// Returns systemd's complaints about a unit, without its complaints about other units of this machine.
fn complaints(name: &str, text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    // A template is checked as one of its instances.
    let name = name.replace('@', "@gate");
    let file = dir.path().join(&name);
    // The programs are not installed on this machine.
    let here: Vec<_> = text
        .lines()
        .map(|line| if line.starts_with("ExecStart=") { "ExecStart=/bin/true" } else { line })
        .collect();
    fs::write(&file, here.join("\n")).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let mut said: Vec<_> = said.lines().filter(|line| line.contains(&name)).map(str::to_owned).collect();
    if !verified.status.success() {
        said.push(format!("systemd-analyze verify ended with {}", verified.status));
    }
    said
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    if !has_systemd() {
        return;
    }
    for name in UNITS {
        let text = unit(name);
        assert!(text.contains("\nType=notify\n") && text.contains("\nWatchdogSec="), "{name}");
        assert_eq!(complaints(name, &text), [""; 0], "{name}");
    }
}

#[test]
fn systemd_would_find_a_fault_if_there_were_one() {
    if !has_systemd() {
        return;
    }
    for name in UNITS {
        let text = unit(name);
        for (good, bad) in [
            ("WatchdogSec=60", "WatchdogSec=soon"),
            ("NoNewPrivileges=yes", "NoNewPrivilege=yes"),
            ("ProtectSystem=strict", "ProtectSystem=very"),
            ("KillMode=mixed", "KillMode=nobody"),
            ("MemoryMax=80%", "MemoryMax=much"),
        ] {
            assert!(text.contains(good), "{name}: {good}");
            assert_ne!(complaints(name, &text.replace(good, bad)), [""; 0], "{name}: {bad} passes");
        }
    }
}

#[test]
fn the_units_expose_little() {
    if !has_systemd() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in UNITS {
        let file = dir.path().join(name.replace('@', "@gate"));
        fs::write(&file, unit(name)).unwrap();
        // The threshold is in tenths of systemd's exposure level. systemd rates this level as OK.
        let mut analyze = Command::new("systemd-analyze");
        analyze.args(["security", "--offline=yes", "--threshold=25", "--no-pager"]).arg(&file);
        let judged = analyze.output().unwrap();
        let said = String::from_utf8_lossy(&judged.stdout);
        assert!(judged.status.success(), "{name}: {said} {}", String::from_utf8_lossy(&judged.stderr));
    }
}
