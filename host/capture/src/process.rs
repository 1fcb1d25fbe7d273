//! One ffmpeg process: started within its bounds, and gone when it is dropped.

use std::{ffi::OsString, io, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use rustix::process::Signal;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::{
    capture::CaptureConfig,
    confinement,
    error::{CaptureErrorKind as Kind, Failure},
    journal::StepKind,
};

/// Bytes that ffmpeg may be ahead by: what Linux grants to everybody.
const PIPE_BYTES: usize = 1 << 20;

/// A process that runs.
pub(crate) struct Process {
    child: Child,
    pub(crate) pid: u32,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// Where it is fed.
    pub(crate) stdin: Option<ChildStdin>,
}

/// What ends a process.
pub(crate) struct End(Child);

impl Process {
    /// Starts it with these arguments; `fed` through its input, or with none.
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
            // Its own group: an interrupt at the terminal is for this program to deal with.
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
        // As far as the system grants it: each time that the pipe is full costs two switches between processes.
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe from ffmpeg stays small");
        }
        // Before it is told what to open: nothing that is not trusted reaches it without its bounds.
        confinement::confine(pid, config.memory_bytes, processor_time)
            .map_err(|e| failed(format!("ffmpeg cannot be given its limits: {e}")))?;
        let stdin = child.stdin.take();
        config.journal.write(StepKind::Decoder, || ("ffmpeg".to_owned(), "started".to_owned()));
        Ok(Self { child, pid, stdout, stderr, stdin })
    }

    /// Its pipes, and what ends it.
    pub(crate) fn split(self) -> (ChildStdout, ChildStderr, Option<ChildStdin>, End) {
        (self.stdout, self.stderr, self.stdin, End(self.child))
    }
}

impl End {
    /// Ends it, if it has not ended by itself.
    pub(crate) fn kill(&mut self) {
        // That the process is gone already is no failure.
        drop(self.0.start_kill());
    }

    /// Waits until it is gone; whether it had used up its processor time.
    pub(crate) async fn is_out_of_time(&mut self) -> bool {
        let ended = self.0.wait().await;
        ended.is_ok_and(|status| status.signal() == Some(Signal::XCPU.as_raw()))
    }
}
