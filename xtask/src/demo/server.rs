//! A master or a worker of the demo, which stops with the demo.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::process::command;

/// The time limit for the start.
const START: Duration = Duration::from_secs(90);
/// The time limit for the stop.
const STOP: Duration = Duration::from_secs(15);

/// A running server. It is killed when dropped.
pub(super) struct Server {
    name: String,
    child: Child,
    url: String,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(super) fn start(name: &str, server: &mut Command) -> anyhow::Result<Self> {
        let mut child = server.stderr(Stdio::piped()).spawn().with_context(|| name.to_owned())?;
        let log = child.stderr.take().with_context(|| format!("{name} has no standard error"))?;
        let (say, said) = channel();
        let shown = name.to_owned();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                eprintln!("  {shown}: {line}");
                if let Some((_, url)) = line.split_once(": listening on ") {
                    // The receiver no longer exists if the start timed out.
                    say.send(url.trim().to_owned()).ok();
                }
            }
        });
        let mut server = Self { name: name.to_owned(), child, url: String::new() };
        server.url = match said.recv_timeout(START) {
            Ok(url) => url,
            Err(RecvTimeoutError::Disconnected) => bail!("{name} ended before it listened"),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{name} did not start to listen within {} s", START.as_secs())
            }
        };
        Ok(server)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server as systemd would.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let mut kill = command("kill", Path::new("/"));
        kill.args(["-TERM", &self.child.id().to_string()]).status().context("kill")?;
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("{} ended with {status}", self.name);
                }
                return Ok(());
            }
            thread::park_timeout(Duration::from_millis(50));
        }
        bail!("{} did not stop within {} s", self.name, STOP.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // This does nothing if the process has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
