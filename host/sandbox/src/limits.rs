//! The limits of a plugin's run, and the quota that enforces the limits of memory and tables.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The limits of a single call of a plugin. A call that exceeds a limit ends with an error for this limit, and affects
/// nothing else. There are two exceptions: log output beyond the limits is dropped, and if the baseline is too large,
/// the function that stores it returns an error to the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel: one unit for nearly every WebAssembly instruction, one for each byte of a bulk memory operation, 255 for
    /// each page of 64 KiB by which memory grows, 100 for each call to the host, and one for each byte that the host
    /// hands over or receives (four for a byte of RGB).
    pub fuel: u64,
    /// Linear memory in bytes, the sum of all memories of the plugin.
    pub memory_bytes: usize,
    /// Elapsed time, including the time that the host works for the plugin. A call ends at most one [`BEAT`]
    /// after the limit.
    pub timeout: Duration,
    /// Table elements, the sum of all tables.
    pub table_elements: usize,
    /// Bytes that the plugin may hand to the host in one call: its descriptor, its report, a log line.
    pub result_bytes: usize,
    /// Handles that exist at the same time.
    pub handles: usize,
    /// Lines in the log. Further lines are counted and dropped.
    pub log_lines: u32,
    /// Bytes of one log line. The rest is cut off.
    pub log_line_bytes: usize,
    /// Bytes of the baseline.
    pub baseline_bytes: usize,
}

impl Default for Limits {
    /// Enough for a plugin that reads every pixel of a few seconds of 1080p several times.
    fn default() -> Self {
        Self {
            fuel: 2_000_000_000,
            memory_bytes: 256 << 20,
            timeout: Duration::from_secs(10),
            table_elements: 100_000,
            result_bytes: 1 << 20,
            handles: 1_024,
            log_lines: 64,
            log_line_bytes: 1_024,
            baseline_bytes: 256 << 10,
        }
    }
}

impl Limits {
    /// Returns the smaller value of each limit: a task may request less than the node's ceiling, but never more.
    #[must_use]
    pub fn at_most(self, ceiling: Self) -> Self {
        Self {
            fuel: self.fuel.min(ceiling.fuel),
            memory_bytes: self.memory_bytes.min(ceiling.memory_bytes),
            timeout: self.timeout.min(ceiling.timeout),
            table_elements: self.table_elements.min(ceiling.table_elements),
            result_bytes: self.result_bytes.min(ceiling.result_bytes),
            handles: self.handles.min(ceiling.handles),
            log_lines: self.log_lines.min(ceiling.log_lines),
            log_line_bytes: self.log_line_bytes.min(ceiling.log_line_bytes),
            baseline_bytes: self.baseline_bytes.min(ceiling.baseline_bytes),
        }
    }
}

/// The precision of the time limit: a running plugin is interrupted at least once in this time, and its deadline is
/// checked.
pub const BEAT: Duration = Duration::from_millis(10);

/// The maximum number of core module instances in one component. A component written in a scripting language has one or
/// two dozen instances, which share one memory.
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;
/// The maximum number of memories in one component.
pub(crate) const MAX_MEMORIES: u32 = 4;
/// The maximum number of tables in one component.
pub(crate) const MAX_TABLES: u32 = 32;

/// A limit that a plugin exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overrun {
    #[error("out of fuel")]
    Fuel,
    #[error("past the deadline")]
    Deadline,
    #[error("stopped from outside")]
    Stopped,
    #[error("{wanted} bytes of memory requested; the limit is {granted}")]
    Memory { wanted: usize, granted: usize },
    #[error("{wanted} table elements requested; the limit is {granted}")]
    Table { wanted: usize, granted: usize },
}

/// Counts the total size of all memories and of all tables of one store, because the engine's own limits apply to
/// each memory and table separately.
#[derive(Debug)]
pub(crate) struct Quota {
    memory_limit: usize,
    memory_used: usize,
    table_limit: usize,
    table_used: usize,
}

impl Quota {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            memory_used: 0,
            table_limit: limits.table_elements,
            table_used: 0,
        }
    }

    pub(crate) const fn memory_used(&self) -> usize {
        self.memory_used
    }
}

impl ResourceLimiter for Quota {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.memory_used.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_limit {
            return Err(Overrun::Memory { wanted, granted: self.memory_limit }.into());
        }
        self.memory_used = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.table_used.saturating_add(desired.saturating_sub(current));
        if wanted > self.table_limit {
            return Err(Overrun::Table { wanted, granted: self.table_limit }.into());
        }
        self.table_used = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests;
