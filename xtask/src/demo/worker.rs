//! A standalone worker of the demo's own, which ends with it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{process::command, workspace};

/// How long a start may take; the first one compiles plugins.
const START: Duration = Duration::from_secs(90);
/// How long an end may take.
const STOP: Duration = Duration::from_secs(15);

/// Killed when dropped, stopped when asked to.
pub(super) struct Worker {
    child: Child,
    url: String,
    _data: TempDir,
}

impl Worker {
    pub(super) fn start(program: &Path, plugins: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut worker = command(program, &workspace::root());
        worker.args(["--mode", "standalone", "--listen", "127.0.0.1:0", "--log-level", "WARN", "--data-dir"]);
        worker.arg(data.path()).arg("--plugins-dir").arg(plugins).stderr(Stdio::piped());
        let mut child = worker.spawn().with_context(|| format!("{}", program.display()))?;
        let log = child.stderr.take().context("the worker has no standard error")?;
        let (say, said) = channel();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                eprintln!("  {line}");
                if let Some((_, url)) = line.split_once("listening on ") {
                    // Nobody waits any more once the start took too long.
                    say.send(url.trim().to_owned()).ok();
                }
            }
        });
        let mut worker = Self { child, url: String::new(), _data: data };
        worker.url = match said.recv_timeout(START) {
            Ok(url) => url,
            Err(RecvTimeoutError::Disconnected) => bail!("the worker ended before it served"),
            Err(RecvTimeoutError::Timeout) => bail!("the worker does not serve after {} s", START.as_secs()),
        };
        Ok(worker)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as systemd would.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let mut kill = command("kill", Path::new("/"));
        kill.args(["-TERM", &self.child.id().to_string()]).status().context("kill")?;
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the worker ended with {status}");
                }
                return Ok(());
            }
            thread::park_timeout(Duration::from_millis(50));
        }
        bail!("the worker does not stop after {} s", STOP.as_secs())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing to do for one that has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
