//! Tests that hostile components are refused before they run, each with an error for the rule that it breaks.

#![cfg(test)]

mod guest;

use std::{
    fs,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use easysight_sandbox::{COMPILE_SUBCOMMAND, Compiler, Limits, LoadError, Plugin, Sandbox, SandboxConfig};
use guest::{
    HONEST, compiler,
    component::{TODAY, encode},
    guest,
};

const EMPTY: &str = "(module (memory (export \"memory\") 1)
    (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0)))";

fn load(limits: Limits, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
    guest::sandbox(limits).load(component)
}

fn refused(component: &[u8]) -> LoadError {
    load(Limits::default(), component).unwrap_err()
}

#[test]
fn a_foreign_import_is_named() {
    let import = "(import \"wasi:http/types@0.2.0\" \"request\" (func $request)) ---";
    let component = guest("foreign", import, &format!("(call $request) {HONEST}"));
    let error = refused(&component);
    assert!(matches!(&error, LoadError::ForeignImport(name) if name == "wasi:http/types@0.2.0"), "{error}");
}

#[test]
fn another_world_is_told_so() {
    assert!(matches!(refused(&encode(&TODAY, "empty", EMPTY)), LoadError::WrongWorld(_)));
    let other = "(module (memory (export \"memory\") 1)
        (func (export \"describe\") (result i32) (i32.const 0))
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0)))";
    assert!(matches!(refused(&encode(&TODAY, "other", other)), LoadError::WrongWorld(_)));
}

#[test]
fn a_core_module_and_other_files_are_told_apart() {
    assert!(matches!(refused(&wat::parse_str(EMPTY).unwrap()), LoadError::CoreModule));
    assert!(matches!(refused(b"#!/bin/sh\nexit 0\n"), LoadError::NotAComponent(_)));
    assert!(matches!(refused(b""), LoadError::NotAComponent(_)));
}

#[test]
fn compiled_code_from_elsewhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = guest::sandbox_in(Limits::default(), Some(dir.path()));
    sandbox.load(&guest("plain", "", HONEST)).unwrap();
    let entry = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let entry = entry.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).last().unwrap();
    let compiled = fs::read(entry).unwrap();
    assert!(matches!(refused(&compiled), LoadError::Precompiled));
}

#[test]
fn more_memory_or_table_than_is_granted_is_refused() {
    let limits = Limits { memory_bytes: 2 << 20, table_elements: 1_000, ..Limits::default() };
    let fat = guest("plain", "(table 2000 funcref)", HONEST);
    let error = load(limits, &fat).unwrap_err().to_string();
    assert!(error.contains("table"), "{error}");
    let many = guest("plain", &"(table 400 funcref)".repeat(4), HONEST);
    let error = load(limits, &many).unwrap_err().to_string();
    assert!(error.contains("table elements"), "{error}");
}

#[test]
fn more_modules_or_memories_than_are_granted_are_refused() {
    let component = |module: &str, instances: usize| {
        let instances = "(core instance (instantiate $m))".repeat(instances);
        wat::parse_str(format!("(component (core module $m {module}) {instances})")).unwrap()
    };
    for (module, instances) in [("", 65), ("(memory 1)", 5), ("(table 1 funcref)", 33)] {
        let error = refused(&component(module, instances));
        assert!(matches!(error, LoadError::Compile(_)), "{module}: {error}");
        // With one instance fewer, the component is refused only because of its exports.
        let error = refused(&component(module, instances - 1));
        assert!(matches!(error, LoadError::WrongWorld(_)), "{module}: {error}");
    }
}

#[test]
fn truncated_and_flipped_components_are_refused_or_harmless() {
    let whole = guest("plain", "", HONEST);
    let sandbox = guest::sandbox(Limits { fuel: 1_000_000, ..Limits::default() });
    for cut in (0..whole.len()).step_by(whole.len() / 12) {
        assert!(sandbox.load(&whole[..cut]).is_err(), "cut at {cut}");
    }
    for at in (8..whole.len()).step_by(whole.len() / 25) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x15;
        // A flipped letter of a name may leave the component usable. No flip may break the host.
        if let Ok(plugin) = sandbox.load(&flipped) {
            drop(guest::run(&plugin, Limits::default()));
        }
    }
}

/// Returns a component that takes a long time to compile: one function with very many calls and branches.
fn bomb() -> Vec<u8> {
    let line = "(local.set $i (i32.add (local.get $i) (select (local.get $config) (local.get $length) (call $f (local.get $i)))))";
    let extra = "(func $f (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))";
    guest("plain", extra, &format!("{} {HONEST}", line.repeat(120_000)))
}

#[test]
fn a_compile_bomb_is_stopped_by_time() {
    let hasty = Compiler { timeout: Duration::from_millis(100), ..compiler() };
    let config = SandboxConfig { compiler: Some(hasty), ..SandboxConfig::default() };
    let error = Sandbox::new(config).unwrap().load(&bomb()).unwrap_err();
    assert!(matches!(error, LoadError::CompileTimeout(_)), "{error}");
}

#[test]
fn a_compile_bomb_is_stopped_by_memory() {
    let narrow = Compiler { memory_bytes: 160 << 20, ..compiler() };
    let config = SandboxConfig { compiler: Some(narrow), ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config).unwrap();
    let error = sandbox.load(&bomb()).unwrap_err();
    assert!(matches!(error, LoadError::Compile(_)), "{error}");
    // The same limits are enough for an ordinary guest.
    sandbox.load(&guest("plain", "", HONEST)).unwrap();
}

#[test]
fn a_compiler_that_is_missing_is_named() {
    let missing = Compiler { program: "/nowhere/easysight".into(), ..compiler() };
    let config = SandboxConfig { compiler: Some(missing), ..SandboxConfig::default() };
    let error = Sandbox::new(config).unwrap().load(&guest("plain", "", HONEST)).unwrap_err();
    assert!(error.to_string().contains("/nowhere/easysight"));
}

/// Checks the compiling child while it waits for its component: the child is confined before it has read a byte.
#[test]
fn the_compiling_child_is_confined_where_the_kernel_can() {
    let has_seccomp = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").is_ok();
    if !has_seccomp {
        eprintln!("SKIPPED: this kernel has no seccomp");
        return;
    }
    let mut command = Command::new(compiler().program);
    command.args([COMPILE_SUBCOMMAND, "4294967296", "60"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let until = Instant::now() + Duration::from_secs(20);
    // 2 means a filter.
    while !fs::read_to_string(&status).unwrap().contains("Seccomp:\t2") {
        assert!(Instant::now() < until, "it is not confined");
        thread::yield_now();
    }
    drop(child.stdin.take());
    // Empty input is not a component. The child reports this and exits.
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
