//! An empty implementation of WASI 0.2. It is necessary because ordinary toolchains build plugins that import WASI.
//! It grants no files, network, environment or arguments. Its clocks stand still and its random bytes are fixed, so
//! that the same clip gives the same finding everywhere.

use std::{
    convert::Infallible,
    pin::pin,
    time::{Duration, Instant},
};

use rand_core::TryRng;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder,
    p2::{
        DynPollable,
        bindings::{
            io::poll::{Host as _, HostPollable as _},
            sockets::{
                ip_name_lookup::Host as _,
                network::{Host as _, Network},
            },
        },
    },
    sockets::WasiSocketsView as _,
};

use crate::{
    debt::Debt,
    imports::Instance,
    limits::{BEAT, Overrun},
    printed::Printed,
    stop::Stop,
};

/// The maximum number of random bytes for each call.
const MAX_RANDOM_BYTES: u64 = 4 << 10;

struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        0
    }
}

/// Fixed bytes in place of random ones, from the generator splitmix64. The values are distinct, so they can serve as
/// seeds of hash tables. They are the same in every run. They are not secret, but a sandbox without authority needs no
/// secrets.
struct FixedBytes {
    state: u64,
    debt: Debt,
}

impl FixedBytes {
    fn next(&mut self) -> u64 {
        self.debt.add_bytes(size_of::<u64>());
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl TryRng for FixedBytes {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            for (byte, value) in chunk.iter_mut().zip(word) {
                *byte = value;
            }
        }
        Ok(())
    }
}

/// Returns an empty context and the output that the plugin prints into. The plugin owes fuel for printed bytes and
/// for random bytes.
pub(crate) fn empty_context(debt: &Debt) -> (WasiCtx, Printed) {
    let output = Printed::on(debt);
    let random = |state| FixedBytes { state, debt: debt.clone() };
    let context = WasiCtxBuilder::new()
        .stdout(output.clone())
        .stderr(output.clone())
        .wall_clock(StoppedClock)
        .monotonic_clock(StoppedClock)
        .secure_random(random(1))
        .insecure_random(random(2))
        .insecure_random_seed(3)
        .max_random_size(MAX_RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build();
    (context, output)
}

/// Adds WASI to a linker. Waiting could hold an executor beyond every limit: while the host sleeps, no fuel is used
/// and the deadline is not checked. The engine's functions for waiting are therefore replaced. The replacements end
/// at the plugin's deadline, or when the plugin is stopped.
pub(crate) fn link(linker: &mut Linker<Instance>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    let mut poll = linker.instance("wasi:io/poll@0.2.12")?;
    poll.func_wrap(
        "[method]pollable.block",
        |mut caller: StoreContextMut<'_, Instance>, (pollable,): (Resource<DynPollable>,)| {
            let state = caller.data_mut();
            state.debt.add_call();
            until(state.deadline, &state.stop, state.table.block(pollable))
        },
    )?;
    poll.func_wrap(
        "poll",
        |mut caller: StoreContextMut<'_, Instance>, (pollables,): (Vec<Resource<DynPollable>>,)| {
            let state = caller.data_mut();
            // Each pollable is checked, so each pollable costs as much as a call.
            pollables.iter().for_each(|_| state.debt.add_call());
            Ok((until(state.deadline, &state.stop, state.table.poll(pollables))?,))
        },
    )?;
    // Every name is refused. But the host receives the name's bytes from the plugin first, so these bytes cost fuel.
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    names.func_wrap(
        "resolve-addresses",
        |mut caller: StoreContextMut<'_, Instance>, (network, name): (Resource<Network>, String)| {
            let state = caller.data_mut();
            state.debt.add_bytes(name.len());
            let refused = match state.sockets().resolve_addresses(network, name) {
                Ok(addresses) => Ok(addresses),
                Err(error) => Err(state.sockets().convert_error_code(error)?),
            };
            Ok((refused,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Waits for a future, until the deadline or until the run is stopped.
fn until<T>(
    deadline: Instant,
    stop: &Stop,
    wait: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let mut wait = pin!(wait);
        while !stop.is_stopped() {
            let now = Instant::now();
            if now >= deadline {
                return Err(Overrun::Deadline.into());
            }
            let beat = (now + BEAT).min(deadline);
            if let Ok(done) = tokio::time::timeout_at(beat.into(), &mut wait).await {
                return done;
            }
        }
        Err(Overrun::Stopped.into())
    })
}
