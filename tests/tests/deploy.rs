//! What is handed to those who keep servers running must at least be well formed.
#![cfg(test)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let there = Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: systemd-analyze is not installed");
        return;
    }
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/systemd");
    let dir = tempfile::tempdir().unwrap();
    for unit in ["easysight-master.service", "easysight-worker.service", "easysight-worker@.service"] {
        let text = fs::read_to_string(units.join(unit)).unwrap();
        assert!(text.contains("\nType=notify\n") && text.contains("\nWatchdogSec="), "{unit}");
        // The programs are not installed here.
        let here: Vec<_> = text
            .lines()
            .map(|line| if line.starts_with("ExecStart=") { "ExecStart=/bin/true" } else { line })
            .collect();
        let file = dir.path().join(unit.replace('@', "@gate"));
        fs::write(&file, here.join("\n")).unwrap();
        let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
        let complaints = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success() && !complaints.contains(unit), "{complaints}");
    }
}
