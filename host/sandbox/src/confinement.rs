//! Denies the compiling child everything that compiling does not need: files, sockets, other processes. If a
//! component exploits a defect of the compiler, the damage stays in a process that can only read its component and
//! write native code. The kernel enforces this (seccomp): it permits only the system calls listed below.

use std::{collections::BTreeMap, process};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// System calls for memory, threads, locks, clocks, the process's own signals and the files that are already open:
/// standard input, output and error.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Sets the names of threads.
    libc::SYS_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
];

/// Why a process is not confined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconfined {
    /// The filter does not support this processor.
    #[error("there is no system call filter for {}", std::env::consts::ARCH)]
    Processor,
    /// The kernel has no such filter, or does not let this process use it.
    #[error("the kernel accepts no system call filter: {0}")]
    Kernel(#[from] seccompiler::Error),
    /// A defect of this program.
    #[error("the system call filter cannot be made: {0}")]
    Filter(#[from] seccompiler::BackendError),
}

/// Confines this process, and all threads that it starts later, permanently. System calls that the filter does not
/// permit fail with `EPERM`, as if the user had no permission.
pub(crate) fn confine() -> Result<(), Unconfined> {
    let processor = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| Unconfined::Processor)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // The process may send signals to itself, as `abort` does, and may read and set its own limits.
    rules.insert(libc::SYS_tgkill, vec![first_is(process::id().into())?]);
    rules.insert(libc::SYS_prlimit64, vec![first_is(0)?]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, processor)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(apply_filter(&program)?)
}

/// Matches calls whose first argument is `value`.
fn first_is(value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        io::ErrorKind,
        net::{TcpListener, TcpStream, UdpSocket},
        os::unix::net::UnixStream,
        process::Command,
        thread,
    };

    use super::*;

    /// The environment variable that is set when the test below starts itself again.
    const WITHIN: &str = "EASYSIGHT_TEST_CONFINED";

    fn denied<T>(what: &str, tried: std::io::Result<T>) {
        match tried {
            Ok(_) => panic!("{what} is possible"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}"),
        }
    }

    /// A process cannot leave its confinement, so this test starts itself in another process.
    #[test]
    fn a_confined_process_has_no_files_no_sockets_and_no_processes() {
        if env::var_os(WITHIN).is_none() {
            let mut again = Command::new(env::current_exe().unwrap());
            let name = "confinement::tests::a_confined_process_has_no_files_no_sockets_and_no_processes";
            let output = again.args(["--exact", name, "--nocapture"]).env(WITHIN, "1").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            if said.contains("UNCONFINED") {
                eprintln!("SKIPPED: {said}");
            }
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let file = env::current_exe().unwrap();
        if let Err(error) = confine() {
            // A failure is acceptable only if the kernel has no seccomp.
            assert!(matches!(error, Unconfined::Kernel(_)), "{error}");
            println!("UNCONFINED: {error}");
            return;
        }
        let everything = move || {
            denied("reading a file", fs::File::open(&file));
            denied("making a file", fs::File::create("/tmp/easysight-confined"));
            denied("listing a folder", fs::read_dir("/"));
            denied("removing a file", fs::remove_file("/tmp/easysight-confined"));
            denied("TCP", TcpStream::connect(address));
            denied("UDP", UdpSocket::bind("127.0.0.1:0"));
            denied("a socket of this machine", UnixStream::pair());
            denied("another program", Command::new("/bin/true").status());
        };
        everything.clone()();
        // The compiler uses threads, so threads must be confined too. They must also end normally.
        thread::spawn(everything).join().unwrap();
    }
}
