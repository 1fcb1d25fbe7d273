//! Facts about the machine.

use easysight_protocol::SystemInfo;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// Reads the current facts.
pub(crate) fn system_info() -> SystemInfo {
    let mut system = System::new();
    system.refresh_memory();
    let mut process_memory_bytes = 0;
    if let Ok(pid) = get_current_pid() {
        let what = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        process_memory_bytes = system.process(pid).map_or(0, sysinfo::Process::memory);
    }
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    SystemInfo {
        hostname: System::host_name().unwrap_or_default(),
        os: System::long_os_version().unwrap_or_default(),
        arch: std::env::consts::ARCH.to_owned(),
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory_total_bytes: system.total_memory(),
        memory_used_bytes: system.used_memory(),
        process_memory_bytes,
    }
}
