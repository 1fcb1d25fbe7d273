//! Signals, systemd, and the lock that keeps other processes out of a directory.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use sd_notify::NotifyState;

/// SIGTERM and SIGINT, treated alike.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Starts to handle the signals.
    ///
    /// # Errors
    ///
    /// The error of the operating system if the signals cannot be handled.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Locks the directory of the file `path` for this process, until the returned file is closed. `whose` is the kind of
/// program. If another process has locked the directory, the error message contains `whose` and `advice`.
///
/// # Errors
///
/// An error if another process has locked the directory, or if the file cannot be created.
pub fn lock(path: &Path, whose: &str, advice: &str) -> anyhow::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let file = File::create(path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let dir = path.parent().unwrap_or(path);
            bail!("another {whose} uses {}; {advice}", dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Sends a notification to systemd, if systemd started this process.
pub fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be notified");
    }
}

/// Notifies systemd's watchdog twice in each interval of the watchdog, as long as `alive` returns true. Returns at once
/// if the watchdog is not enabled.
pub async fn watchdog(alive: impl Fn() -> bool + Send) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    feed(interval / 2, alive, || notify(&[NotifyState::Watchdog])).await;
}

/// Calls `tell` at the interval `every`, as long as `alive` returns true.
pub async fn feed(every: Duration, alive: impl Fn() -> bool + Send, tell: impl Fn() + Send) {
    let mut beat = tokio::time::interval(every);
    let mut stuck = false;
    loop {
        beat.tick().await;
        match (alive(), stuck) {
            (true, _) => {
                stuck = false;
                tell();
            }
            (false, false) => {
                stuck = true;
                tracing::error!("a part of the process is stuck; systemd's watchdog is no longer notified");
            }
            (false, true) => {}
        }
    }
}
