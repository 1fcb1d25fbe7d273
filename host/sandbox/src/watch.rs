//! Checks during a run whether the run may continue: its deadline, the switch that stops it, and the fuel that it owes
//! for calls of WASI ([`crate::debt`]).
//!
//! After every [`SLICE`] of fuel, the engine interrupts a plugin that computes. Every call to the host interrupts it
//! too. Each interruption also checks the time. So the counting of fuel enforces the time limit, and the compiled loops
//! of the plugin need no check of the time. The slices do not change how much fuel a run uses or at which amount it
//! ends.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use wasmtime::{CallHook, Store, StoreContextMut};

use crate::{imports::Instance, limits::Overrun};

/// The fuel between two checks of a run that computes. Ordinary code uses this fuel in about 50 µs. Even if every
/// instruction waits for memory, the fuel lasts for less than one [`BEAT`](crate::BEAT). A check costs less than a
/// microsecond.
const SLICE: u64 = 100_000;

/// Gives a run its fuel in slices, and installs the check.
pub(crate) fn begin(store: &mut Store<Instance>, fuel: u64) -> wasmtime::Result<()> {
    store.call_hook(|run, at| match at {
        // The check runs after the host's functions, after the engine's own functions (growing memory, copying strings
        // from one module to another), and after the function that hands out the next slice of fuel.
        CallHook::ReturningFromHost => goes_on(&run),
        _ => Ok(()),
    });
    store.set_fuel(fuel)?;
    store.fuel_async_yield_interval(Some(SLICE))
}

/// Runs a plugin to its end on this thread. The plugin yields after every slice of fuel, and is resumed at once. The
/// plugin never waits for anything else.
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
    // The owed fuel is only compared. It cannot be subtracted here: the plugin's code has its own count of the
    // remaining fuel, and would overwrite the result.
    if state.debt.owed() > run.get_fuel()? {
        return Err(Overrun::Fuel.into());
    }
    if Instant::now() >= state.deadline {
        return Err(Overrun::Deadline.into());
    }
    Ok(())
}
