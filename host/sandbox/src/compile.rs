//! Compiles components in a child process. A component can be crafted so that compiling it takes hours or all
//! memory. So the child has a limit of address space and a limit of processor time, and its parent kills it at its
//! deadline. A component can also be crafted to exploit a defect of the compiler. So the child may open neither
//! files nor sockets, if the kernel can enforce this.
//!
//! The child is this same program, started again with [`COMPILE_SUBCOMMAND`]. Every binary that loads plugins
//! calls [`compiler_main`] at the very beginning of its `main`.

use std::{
    env,
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use crate::{LoadError, SandboxError, confinement, engine, vet::MAX_COMPONENT_BYTES};

/// The first argument that makes a program the compiling child.
pub const COMPILE_SUBCOMMAND: &str = "__compile-plugin";

/// The maximum number of bytes of native code that are read from a child.
const MAX_COMPILED_BYTES: u64 = 1 << 30;
/// The maximum number of bytes of error output that are read from a child.
const MAX_COMPLAINT_BYTES: u64 = 4 << 10;

/// How a compiling child is started, and its limits.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program to start. It must call [`compiler_main`].
    pub program: PathBuf,
    /// The limit of the child's address space.
    pub memory_bytes: u64,
    /// The limit of processor time. The limit of elapsed time is [`BUSY`] times as long.
    pub timeout: Duration,
}

/// The ratio of the elapsed time limit to the processor time limit. On a busy machine a child gets only a share of
/// the processors, and the component is not to blame for the delay.
const BUSY: u32 = 5;

impl Compiler {
    /// Returns the running program as the compiler, with limits of 4 GiB of address space and two minutes of processor
    /// time. An 18 MB component needs a quarter of each limit.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Io`] if the operating system cannot name the running program's path.
    pub fn this_program() -> Result<Self, SandboxError> {
        let program = env::current_exe()
            .map_err(|source| SandboxError::Io { path: "/proc/self/exe".into(), source })?;
        Ok(Self { program, memory_bytes: 4 << 30, timeout: Duration::from_secs(120) })
    }

    /// Compiles a component that [`crate::vet::vet`] has passed.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        let failed = |source: io::Error| LoadError::Io { path: self.program.clone(), source };
        let mut child = Command::new(&self.program)
            .arg(COMPILE_SUBCOMMAND)
            .arg(self.memory_bytes.to_string())
            .arg(self.timeout.as_secs().max(1).to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(io::Error::other("a pipe to the compiling child is missing")));
        };
        let (done, finished) = channel();
        let (code, complaint) = thread::scope(|scope| {
            // A child that dies early closes its end of the pipe. The error of this write is ignored, because the
            // child's exit status says more.
            scope.spawn(move || drop(stdin.write_all(component)));
            let complaint = scope.spawn(move || read_up_to(stderr, MAX_COMPLAINT_BYTES));
            let code = scope.spawn(move || {
                let code = read_up_to(stdout, MAX_COMPILED_BYTES);
                // The receiver exists until this message is sent or the deadline has passed.
                done.send(()).ok();
                code
            });
            let in_time = finished.recv_timeout(self.timeout * BUSY) != Err(RecvTimeoutError::Timeout);
            if !in_time {
                child.kill().map_err(failed)?;
            }
            let code = code.join().map_err(|_| failed(io::Error::other("reading panicked")))?;
            let complaint = complaint.join().map_err(|_| failed(io::Error::other("reading panicked")))?;
            if in_time { Ok((code, complaint)) } else { Err(LoadError::CompileTimeout(self.timeout)) }
        })
        .inspect_err(|_| drop(child.wait()))?;
        let status = child.wait().map_err(failed)?;
        if status.success() {
            if let Ok(said) = &complaint
                && !said.is_empty()
            {
                tracing::debug!(said = %String::from_utf8_lossy(said).trim(), "compiling a plugin printed a message");
            }
            return code.map_err(failed);
        }
        if status.signal() == Some(Signal::XCPU.as_raw()) {
            return Err(LoadError::CompileTimeout(self.timeout));
        }
        let complaint = complaint.map_err(failed)?;
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        Err(LoadError::Compile(if status.code().is_some() && !complaint.is_empty() {
            complaint
        } else {
            format!(
                "the system ended the compiler ({status}); its limits are {} MiB and {} s",
                self.memory_bytes >> 20,
                self.timeout.as_secs()
            )
        }))
    }
}

fn read_up_to(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs the compiling child if this process was started as one: reads a component from standard input and writes native
/// code to standard output. Returns `None` in any other process.
#[must_use]
pub fn compiler_main() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != COMPILE_SUBCOMMAND {
        return None;
    }
    Some(match compile_here(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The parent reads this pipe. If the parent is gone, the message has no reader.
            drop(writeln!(io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    })
}

fn compile_here(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let mut limit = |what: &str| -> Result<u64, String> {
        arguments
            .next()
            .and_then(|text| text.to_str()?.parse().ok())
            .ok_or_else(|| format!("{COMPILE_SUBCOMMAND} expects a number: {what}"))
    };
    let (memory_bytes, cpu_seconds) = (limit("bytes of memory")?, limit("seconds")?);
    // The kernel ends the child with SIGXCPU at the soft limit of processor time, and with SIGKILL at the hard limit.
    let limits = [
        (Resource::As, memory_bytes, memory_bytes),
        (Resource::Cpu, cpu_seconds, cpu_seconds.saturating_add(1)),
        (Resource::Core, 0, 0),
    ];
    for (resource, current, maximum) in limits {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .map_err(|e| format!("a limit cannot be set: {e}"))?;
    }
    if let Err(error) = confinement::confine() {
        // The component is compiled nevertheless, and the parent logs this message. If the parent is gone, the
        // message has no reader.
        drop(writeln!(io::stderr(), "the compiler is confined by its limits only: {error}"));
    }
    let component = read_up_to(io::stdin(), MAX_COMPONENT_BYTES as u64).map_err(|e| e.to_string())?;
    let engine = engine::compiling().map_err(|e| e.to_string())?;
    let code = engine.precompile_component(&component).map_err(|e| format!("{e:#}"))?;
    io::stdout().write_all(&code).map_err(|e| e.to_string())
}
