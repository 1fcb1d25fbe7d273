//! The ffmpeg processes of a test, as every user of the machine can see them.

use std::{fs, path::PathBuf, time::Duration};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process(PathBuf);

impl Process {
    /// Reads one of the process's files in `/proc`. Returns an empty string if the process is gone.
    pub(crate) fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.0.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn command_line(&self) -> String {
        self.read("cmdline").replace('\0', " ")
    }

    pub(crate) fn environment(&self) -> String {
        self.read("environ")
    }

    fn is_ours(&self) -> bool {
        // "4711 (ffmpeg) S 4710 …": the name of the process, and its parent.
        let facts = self.read("stat");
        let own = format!(" {} ", std::process::id());
        let Some((name, rest)) = facts.split_once(") ") else { return false };
        name.ends_with("(ffmpeg")
            && !rest.starts_with('Z')
            && rest.get(1..).is_some_and(|rest| rest.starts_with(&own))
    }
}

/// Returns the ffmpeg processes that this process started and that still run.
pub(crate) fn ffmpeg() -> Vec<Process> {
    let all = fs::read_dir("/proc").unwrap().map(|entry| Process(entry.unwrap().path()));
    all.filter(Process::is_ours).collect()
}

/// Waits until these processes have ended. The kernel needs a moment to remove them.
pub(crate) async fn gone(processes: &[Process]) {
    let all_gone = async {
        while processes.iter().any(Process::is_ours) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), all_gone).await.expect("ffmpeg still runs");
}
