//! Counts the unpaid fuel of WASI calls. The code of these calls belongs to the engine and cannot access the store's
//! fuel, so it only records the cost. The cost is paid with the next call of the contract, at the latest at the end
//! of the run. So the sum is the same on every machine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The fuel that each call of the contract or of WASI costs, in addition to the bytes: the cost of entering the
/// host.
pub(crate) const CALL_FUEL: u64 = 100;

/// The fuel that one run owes. Clones share the same debt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Debt(Arc<AtomicU64>);

impl Debt {
    /// Records one call.
    pub(crate) fn add_call(&self) {
        self.add(CALL_FUEL);
    }

    /// Records a number of bytes that were received or handed over.
    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.add(bytes as u64);
    }

    fn add(&self, fuel: u64) {
        // No run lasts long enough to overflow the counter.
        self.0.fetch_add(fuel, Ordering::Relaxed);
    }

    /// Returns the fuel that is owed.
    pub(crate) fn owed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the fuel that is owed, and sets the debt to zero.
    pub(crate) fn pay(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
