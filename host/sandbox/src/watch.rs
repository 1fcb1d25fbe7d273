//! Whether a run goes on, asked while it runs: its deadline, the switch that stops it, and what it owes.
//!
//! A plugin that computes comes out of its code whenever it has used [`SLICE`] of fuel, and for every call
//! that it makes. So what holds its fuel holds its time as well, and its loops need no second check. The
//! slices change nothing about the fuel that a run uses or ends at.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use wasmtime::{CallHook, Store, StoreContextMut};

use crate::{imports::Instance, limits::Overrun};

/// Fuel between two looks at a run that computes. Some 50 µs of ordinary code, and within
/// [`BEAT`](crate::BEAT) where every instruction waits for memory; a look costs less than a microsecond.
const SLICE: u64 = 100_000;

/// Gives a run its fuel, in slices, and has it looked after.
pub(crate) fn begin(store: &mut Store<Instance>, fuel: u64) -> wasmtime::Result<()> {
    store.call_hook(|run, at| match at {
        // Out of the host's functions, out of the engine's own (growing memory, copying strings from one
        // module to another), and out of the one that hands out the next slice of fuel.
        CallHook::ReturningFromHost => goes_on(&run),
        _ => Ok(()),
    });
    store.set_fuel(fuel)?;
    store.fuel_async_yield_interval(Some(SLICE))
}

/// Runs a plugin to its end on this thread. It hands control back with every slice of fuel, which is the only
/// thing that it ever waits for, and gets it again.
pub(crate) fn drive<T>(run: impl Future<Output = T>) -> T {
    let mut run = pin!(run);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = run.as_mut().poll(&mut context) {
            return done;
        }
    }
}

fn goes_on(run: &StoreContextMut<'_, Instance>) -> wasmtime::Result<()> {
    let state = run.data();
    if state.stop.is_stopped() {
        return Err(Overrun::Stopped.into());
    }
    // What is owed cannot be paid from here: the plugin's code has its own count of what is left.
    if state.debt.owed() > run.get_fuel()? {
        return Err(Overrun::Fuel.into());
    }
    if Instant::now() >= state.deadline {
        return Err(Overrun::Deadline.into());
    }
    Ok(())
}
