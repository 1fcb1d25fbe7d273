//! What calls of WASI cost, and what of it is not paid yet. Their code is the engine's and cannot reach the
//! store's fuel, so it only notes what was done; it is paid with the next call of the contract, and at the
//! end at the latest. So the sum is the same on every machine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Fuel of a call as such, of the contract or of WASI: what entering the host costs beside the bytes.
pub(crate) const CALL_FUEL: u64 = 100;

/// Fuel that one run owes. Clones are the same debt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Debt(Arc<AtomicU64>);

impl Debt {
    /// A call was made.
    pub(crate) fn add_call(&self) {
        self.add(CALL_FUEL);
    }

    /// So many bytes were taken or handed over.
    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.add(bytes as u64);
    }

    fn add(&self, fuel: u64) {
        // No run lives long enough to reach the end of the numbers.
        self.0.fetch_add(fuel, Ordering::Relaxed);
    }

    /// What is owed.
    pub(crate) fn owed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What is owed, which is then paid.
    pub(crate) fn pay(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
