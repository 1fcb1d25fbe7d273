//! Configures the engine: which WebAssembly features it accepts, how it meters fuel, and how it allocates instances.

use std::num::NonZero;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

use crate::{
    SandboxError,
    debt::CALL_FUEL,
    imports::RGB_BYTE_FUEL,
    limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES},
};

/// The stack for a guest's own calls. It holds return addresses and registers. Rust guests also keep a shadow
/// stack of one megabyte in linear memory.
pub(crate) const WASM_STACK_BYTES: usize = 512 << 10;

/// The whole stack of a run: the guest's stack, and below it the stack of the host's functions, which is as large
/// as the stack of a Rust thread (2 MiB).
const STACK_BYTES: usize = WASM_STACK_BYTES + (2 << 20);

/// The maximum number of stack frames that are reported when a plugin fails, innermost first. Unless the plugin
/// recurses endlessly, these frames reach back to its `diagnose`.
const MAX_STACK_FRAMES: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(127);

/// Returns the price of each instruction. The prices are fixed here so that fuel stays comparable when the engine
/// is upgraded. A test pins the hash of the prices.
pub(crate) fn operator_cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    // Growing memory maps pages of 64 KiB, which are zeroed at their first use. This is expensive. The memory limit
    // also bounds how often a plugin can grow memory.
    cost.variable.memory_grow_per_page = u8::MAX;
    cost
}

/// Returns a hash of the prices in force, in 16 hexadecimal digits. The fuel of two runs is comparable if their
/// hashes are equal.
pub(crate) fn fuel_prices() -> String {
    // The host's prices of a call, of a byte, and of a byte of RGB.
    let of_host = [CALL_FUEL, 1, RGB_BYTE_FUEL];
    let prices = blake3::hash(format!("{:?} {of_host:?} for WASI too", operator_cost()).as_bytes()).to_hex();
    prices.chars().take(16).collect()
}

/// Returns the settings on which the compiler and the running engine must agree. Every WebAssembly proposal that
/// the contract does not need is off, because a disabled feature cannot be attacked.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(operator_cost())
        // The deadline is enforced through fuel, see `crate::watch`. A separate check at the head of every loop
        // would make loops over pixels considerably slower.
        .epoch_interruption(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(STACK_BYTES)
        // This setting is off, because it adds three instructions after every floating-point instruction. Equal results
        // are promised only between machines of one architecture. On such machines, the bits of a NaN depend only on
        // the operands and their order, which the compiler chooses independently of the processor's features.
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

/// Returns the engine of the compiling child. It has no pool, because the pool's reserved address space would
/// exceed the child's limit.
pub(crate) fn compiling() -> Result<Engine, SandboxError> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config).map_err(SandboxError::Engine)
}

/// Returns the engine that runs plugins. It has slots for `concurrency` plugins, each as large as `limits` allows.
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
        // The maximum sizes of the engine's own data about an instance. Scripting runtimes need large data.
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_unused_warm_slots(slots)
        // Up to this many bytes of a memory, and of a table, are zeroed in place when an instance ends. Otherwise their
        // pages would be returned to the system, and the next instance would fault them in again.
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

    /// Fuel is stored with findings and compared over years. If this test fails after an upgrade of the engine,
    /// prices have changed: restore them in [`operator_cost`], or raise the version of the plugins' contract and
    /// announce the change.
    #[test]
    fn the_price_of_instructions_stays_what_it_was() {
        assert_eq!(fuel_prices(), "e9f17f713a3c4fe7");
    }
}
