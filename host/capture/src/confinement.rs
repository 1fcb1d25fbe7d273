//! The limits of an ffmpeg process. The process decodes untrusted data, so it is not trusted either.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// The environment variables that ffmpeg receives: the search paths of programs and libraries, the time zone, the
/// certificates and the proxy. ffmpeg receives no other variables of this program, because they may contain
/// tokens.
const ENVIRONMENT: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy"];
/// The variable that lists the hosts for which no proxy is used.
const NO_PROXY: &str = "no_proxy";
/// The largest number of files, sockets and pipes that the process may have open at a time.
const MAX_DESCRIPTORS: u64 = 64;
/// The adjustment of the process's out-of-memory score. If the machine runs out of memory, the kernel ends processes
/// with high scores first. The largest adjustment is 1000, with which the kernel would always choose this process.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Searches `PATH` for a program that is named without a path. The program is then started with its path, which is
/// faster: to start a program without a path, the system first copies the page tables of this process. These tables
/// may be large.
pub(crate) fn located(program: &Path) -> PathBuf {
    let is_there = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    let named = program.parent().is_some_and(|parent| parent.as_os_str().is_empty());
    let path = if named { env::var_os("PATH") } else { None }.unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join(program)).find(is_there);
    // If the program is not found, the attempt to start it fails with an error.
    found.unwrap_or_else(|| program.to_owned())
}

/// Returns the environment of an ffmpeg process.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    let given = |name: &&str| Some((OsString::from(name), env::var_os(name)?));
    let mut environment: Vec<_> = ENVIRONMENT.iter().filter_map(given).collect();
    // ffmpeg sends its first request to this machine, which redirects it to the camera. This request must not go
    // through a proxy.
    let mut directly = OsString::from("127.0.0.1");
    if let Some(others) = env::var_os(NO_PROXY) {
        directly.push(",");
        directly.push(others);
    }
    environment.push((NO_PROXY.into(), directly));
    environment
}

/// Limits the address space and the processor time of a process that was just started. The limit of processor time
/// ends the process even if this program no longer runs. The process cannot write files or a core dump.
pub(crate) fn confine(pid: u32, memory_bytes: u64, processor_time: Duration) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let seconds = processor_time.as_secs().saturating_add(1);
    let limits = [
        (Resource::As, memory_bytes, memory_bytes),
        // At the first limit, the process receives SIGXCPU. At the second limit, it receives SIGKILL, which no process
        // can ignore.
        (Resource::Cpu, seconds, seconds.saturating_add(1)),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nofile, MAX_DESCRIPTORS, MAX_DESCRIPTORS),
    ];
    for (resource, current, maximum) in limits {
        prlimit(Some(process), resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    }
    // Some containers forbid this write. The other limits do not depend on the score.
    if let Err(error) = fs::write(format!("/proc/{pid}/oom_score_adj"), OUT_OF_MEMORY_SCORE) {
        tracing::debug!(%error, "the out-of-memory score of ffmpeg cannot be set");
    }
    Ok(())
}
