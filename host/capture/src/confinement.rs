//! What bounds an ffmpeg process: it decodes what strangers send, and is trusted no more than they are.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Variables that ffmpeg is given, of those that this program has: where programs and libraries are, and
/// how servers are reached. Whatever else stands there, such as tokens, is none of its business.
const ENVIRONMENT: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy"];
/// The hosts that no proxy is asked for.
const NO_PROXY: &str = "no_proxy";
/// Files, sockets and pipes that it may have open at a time.
const MAX_DESCRIPTORS: u64 = 64;
/// How much rather than any other process it is ended where the machine has no memory left; 1000 is always.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Where a program is that is named without a path. With one, the system starts it at once; without, it first
/// copies the tables of this program's memory, which may be large.
pub(crate) fn located(program: &Path) -> PathBuf {
    let is_there = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    let named = program.parent().is_some_and(|parent| parent.as_os_str().is_empty());
    let path = if named { env::var_os("PATH") } else { None }.unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join(program)).find(is_there);
    // Where there is none, whoever starts it is told so.
    found.unwrap_or_else(|| program.to_owned())
}

/// The environment of an ffmpeg process.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    let given = |name: &&str| Some((OsString::from(name), env::var_os(name)?));
    let mut environment: Vec<_> = ENVIRONMENT.iter().filter_map(given).collect();
    // It is sent on to the camera by this very machine, and asks no proxy for that.
    let mut directly = OsString::from("127.0.0.1");
    if let Some(others) = env::var_os(NO_PROXY) {
        directly.push(",");
        directly.push(others);
    }
    environment.push((NO_PROXY.into(), directly));
    environment
}

/// Bounds a process that was just started: its address space, and its processor time, which ends it also
/// where nobody is left to do so. It writes no files and leaves no core.
pub(crate) fn confine(pid: u32, memory_bytes: u64, processor_time: Duration) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let seconds = processor_time.as_secs().saturating_add(1);
    let limits = [
        (Resource::As, memory_bytes, memory_bytes),
        // At the first limit it is ended by a signal of its own, at the second by one that nothing withstands.
        (Resource::Cpu, seconds, seconds.saturating_add(1)),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nofile, MAX_DESCRIPTORS, MAX_DESCRIPTORS),
    ];
    for (resource, current, maximum) in limits {
        prlimit(Some(process), resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    }
    // Some containers do not let a process do that. Nothing else hangs on it.
    if let Err(error) = fs::write(format!("/proc/{pid}/oom_score_adj"), OUT_OF_MEMORY_SCORE) {
        tracing::debug!(%error, "ffmpeg is as dear to the kernel as any other process");
    }
    Ok(())
}
