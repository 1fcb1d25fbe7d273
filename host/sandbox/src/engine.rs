//! The engine: which WebAssembly it takes, how it meters, where instances live.

use std::num::NonZero;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

use crate::{
    SandboxError,
    debt::CALL_FUEL,
    imports::RGB_BYTE_FUEL,
    limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES},
};

/// Stack of a guest's own calls. Rust guests keep a megabyte of shadow stack in linear memory
/// besides; this is for return addresses and registers.
pub(crate) const WASM_STACK_BYTES: usize = 512 << 10;

/// The stack that a run has for itself: the guest's, and below it that of the host's functions, which
/// get what a thread of Rust's has to spare.
const STACK_BYTES: usize = WASM_STACK_BYTES + (2 << 20);

/// Frames of a plugin's stack that are told when it fails, innermost first: enough to reach from there
/// to `diagnose` in a plugin that does not recurse without end.
const MAX_STACK_FRAMES: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(127);

/// The price of each instruction, written down so that fuel stays comparable when the engine is
/// upgraded; a test pins its hash.
pub(crate) fn operator_cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    // Growing memory maps pages of 64 KiB that are zeroed at their first use: dear, and bounded by
    // the memory limit besides.
    cost.variable.memory_grow_per_page = u8::MAX;
    cost
}

/// Names the prices in force, in 16 hexadecimal digits: fuel is comparable where it is the same.
pub(crate) fn fuel_prices() -> String {
    // Those of the host: a call, a byte, a byte of RGB.
    let of_host = [CALL_FUEL, 1, RGB_BYTE_FUEL];
    let prices = blake3::hash(format!("{:?} {of_host:?} for WASI too", operator_cost()).as_bytes()).to_hex();
    prices.chars().take(16).collect()
}

/// What the compiler and the running engine must agree on. Every proposal that the contract does
/// not need is off: what is not there cannot be attacked.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(operator_cost())
        // The deadline is kept by fuel, see `crate::watch`: a check of its own at the head of every loop
        // would cost a good part of what a loop over pixels does.
        .epoch_interruption(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(STACK_BYTES)
        // Off: three instructions after every one of floating point. Sameness is promised for one
        // architecture, and there the bits of a NaN follow from the operands and their order, which the
        // compiler does not choose by the features of a processor.
        .cranelift_nan_canonicalization(false)
        .wasm_component_model(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_extended_const(true)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .shared_memory(false)
        .wasm_backtrace_max_frames(Some(MAX_STACK_FRAMES))
        .generate_address_map(false)
        .memory_init_cow(true);
    config
}

/// The engine of the compiling child: no pool, whose reserved address space would break its limit.
pub(crate) fn compiling() -> Result<Engine, SandboxError> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config).map_err(SandboxError::Engine)
}

/// The engine that runs plugins: slots for `concurrency` of them, each as large as `limits` grants.
pub(crate) fn running(limits: &Limits, concurrency: u32) -> Result<Engine, SandboxError> {
    let slots = concurrency.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MAX_MEMORIES))
        .total_tables(slots.saturating_mul(MAX_TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(8)
        .max_memories_per_module(1)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // Sizes of the engine's own records of an instance; scripting runtimes have large ones.
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_unused_warm_slots(slots)
        // Pages up to here are zeroed in place when an instance ends, rather than given back to
        // the system and faulted in again by the next one.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(SandboxError::Engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fuel is written down with findings and compared over years. Where this fails after an upgrade
    /// of the engine, prices have changed: set them back in [`operator_cost`], or raise the version
    /// of the plugins' contract and say so.
    #[test]
    fn the_price_of_instructions_stays_what_it_was() {
        assert_eq!(fuel_prices(), "e9f17f713a3c4fe7");
    }
}
