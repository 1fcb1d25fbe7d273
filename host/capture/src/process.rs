//! One ffmpeg process. It runs within limits, and is killed when its handle is dropped.

use std::{ffi::OsString, io, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use rustix::process::Signal;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::{
    capture::CaptureConfig,
    confinement,
    error::{CaptureErrorKind as Kind, Failure},
    journal::StepKind,
};

/// The size of the pipe from ffmpeg in bytes. This is the largest number of bytes by which ffmpeg may be ahead of the
/// reader. Linux grants this size to every user.
const PIPE_BYTES: usize = 1 << 20;

/// A running process.
pub(crate) struct Process {
    child: Child,
    pub(crate) pid: u32,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// The standard input of the process, if it has one.
    pub(crate) stdin: Option<ChildStdin>,
}

/// The handle that ends a process.
pub(crate) struct End(Child);

impl Process {
    /// Starts a process with these arguments. The process has a standard input only if `fed` is true.
    pub(crate) fn start(
        config: &CaptureConfig,
        arguments: Vec<OsString>,
        fed: bool,
        processor_time: Duration,
    ) -> Result<Self, Failure> {
        let failed = |what: String| Failure::new(Kind::FfmpegFailed, what);
        let spawned = Command::new(confinement::located(&config.ffmpeg))
            .args(arguments)
            .env_clear()
            .envs(confinement::environment())
            .stdin(if fed { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The process has its own group, so that an interrupt at the terminal does not reach it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.map_err(|e| {
            let missing = e.kind() == io::ErrorKind::NotFound;
            let kind = if missing { Kind::FfmpegMissing } else { Kind::FfmpegFailed };
            Failure::new(kind, format!("{}: {e}", config.ffmpeg.display()))
        })?;
        let (Some(stdout), Some(stderr), Some(pid)) = (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(failed("a pipe to ffmpeg is missing".into()));
        };
        // The system may refuse this size. A smaller pipe works too, but fills up more often, which costs two context
        // switches each time.
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe from ffmpeg cannot be enlarged");
        }
        // The limits are set before the process receives data from its standard input or from a camera. A process that
        // reads a file may open the file shortly before its limits are set.
        confinement::confine(pid, config.memory_bytes, processor_time)
            .map_err(|e| failed(format!("the limits of ffmpeg cannot be set: {e}")))?;
        let stdin = child.stdin.take();
        config.journal.write(StepKind::Decoder, || ("ffmpeg".to_owned(), "started".to_owned()));
        Ok(Self { child, pid, stdout, stderr, stdin })
    }

    /// Returns the pipes, and the handle that ends the process.
    pub(crate) fn split(self) -> (ChildStdout, ChildStderr, Option<ChildStdin>, End) {
        (self.stdout, self.stderr, self.stdin, End(self.child))
    }
}

impl End {
    /// Ends the process if it still runs.
    pub(crate) fn kill(&mut self) {
        // This fails only if the process has already ended.
        drop(self.0.start_kill());
    }

    /// Waits until the process has ended. Returns whether it ended because it had used up its processor time.
    pub(crate) async fn is_out_of_time(&mut self) -> bool {
        let ended = self.0.wait().await;
        ended.is_ok_and(|status| status.signal() == Some(Signal::XCPU.as_raw()))
    }
}
