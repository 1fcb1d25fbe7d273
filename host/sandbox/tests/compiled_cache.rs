//! Tests the cache of compiled code, with entries that are shared, damaged, forged, or from another engine.

#![cfg(test)]

mod guest;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Barrier,
};

use easysight_sandbox::{Compiler, Limits, LoadError, Sandbox, SandboxConfig};
use guest::{HONEST, compiler, guest, run};

/// Returns a sandbox that can load plugins only from the cache.
fn without_compiler(cache: &Path) -> Sandbox {
    let missing = Compiler { program: "/nowhere/easysight".into(), ..compiler() };
    let config = SandboxConfig {
        cache_dir: Some(cache.to_owned()),
        compiler: Some(missing),
        ..SandboxConfig::default()
    };
    Sandbox::new(config).unwrap()
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect();
    entries.sort();
    entries
}

/// Returns a cache that contains the compiled honest guest, and the bytes of that guest.
fn filled() -> (tempfile::TempDir, Vec<u8>) {
    let cache = tempfile::tempdir().unwrap();
    let component = guest("plain", "", HONEST);
    guest::sandbox_in(Limits::default(), Some(cache.path())).load(&component).unwrap();
    (cache, component)
}

fn needs_compiling(cache: &Path, component: &[u8]) -> bool {
    matches!(without_compiler(cache).load(component), Err(LoadError::Io { .. }))
}

#[test]
fn what_is_in_the_cache_is_not_compiled_again_and_runs_alike() {
    let (cache, component) = filled();
    let fresh = guest::sandbox(Limits::default()).load(&component).unwrap();
    let cached = without_compiler(cache.path()).load(&component).unwrap();
    let (a, b) = (run(&fresh, Limits::default()), run(&cached, Limits::default()));
    assert_eq!((a.result, a.fuel), (b.result, b.fuel));
}

/// Returns true if this process executes code directly from the mapped file of an entry.
fn is_mapped(entry: &Path) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().any(|line| line.ends_with(&*entry.to_string_lossy()) && line.contains("r-xp"))
}

#[test]
fn processes_share_the_pages_of_compiled_code() {
    let cache = tempfile::tempdir().unwrap();
    let component = guest("plain", "", HONEST);
    for sandbox in [guest::sandbox_in(Limits::default(), Some(cache.path())), without_compiler(cache.path())]
    {
        let plugin = sandbox.load(&component).unwrap();
        let entry = entries(cache.path()).pop().unwrap();
        assert!(is_mapped(&entry));
        // If an entry is pruned or replaced meanwhile, running plugins keep their mapping.
        fs::rename(&entry, entry.with_extension("moved")).unwrap();
        fs::copy(entry.with_extension("moved"), &entry).unwrap();
        fs::remove_file(entry.with_extension("moved")).unwrap();
        assert_eq!(run(&plugin, Limits::default()).result.unwrap_err().kind(), "inconclusive");
    }
}

#[test]
fn a_damaged_or_truncated_entry_is_compiled_anew() {
    let (cache, component) = filled();
    let entry = entries(cache.path()).pop().unwrap();
    let whole = fs::read(&entry).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&entry, damaged).unwrap();
        assert!(needs_compiling(cache.path(), &component), "byte {at}");
    }
    for length in [0, 31, whole.len() - 1] {
        fs::write(&entry, &whole[..length]).unwrap();
        assert!(needs_compiling(cache.path(), &component), "length {length}");
    }
    guest::sandbox_in(Limits::default(), Some(cache.path())).load(&component).unwrap();
    assert!(!needs_compiling(cache.path(), &component));
}

#[test]
fn an_entry_of_another_plugin_or_engine_under_this_name_is_not_taken() {
    let (cache, component) = filled();
    let other = guest("plain", "", "(unreachable)");
    guest::sandbox_in(Limits::default(), Some(cache.path())).load(&other).unwrap();
    let [a, b] = entries(cache.path()).try_into().unwrap();
    let (in_a, in_b) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    fs::write(&a, in_b).unwrap();
    fs::write(&b, in_a).unwrap();
    assert!(needs_compiling(cache.path(), &component));
    assert!(needs_compiling(cache.path(), &other));
}

#[test]
fn after_an_engine_upgrade_old_entries_are_left_alone() {
    let (cache, component) = filled();
    let entry = entries(cache.path()).pop().unwrap();
    // An entry of an older engine has another engine's name.
    let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
    let (digest, _) = name.split_once('-').unwrap();
    fs::rename(&entry, cache.path().join(format!("{digest}-0123456789abcdef.cwasm"))).unwrap();
    assert!(needs_compiling(cache.path(), &component));
    guest::sandbox_in(Limits::default(), Some(cache.path())).load(&component).unwrap();
    assert_eq!(entries(cache.path()).len(), 2);
}

#[test]
fn entries_of_another_key_are_not_taken() {
    let (cache, component) = filled();
    fs::write(cache.path().join("key"), [7; 32]).unwrap();
    assert!(needs_compiling(cache.path(), &component));
    fs::write(cache.path().join("key"), [7; 5]).unwrap();
    assert!(needs_compiling(cache.path(), &component));
}

#[test]
fn a_component_is_not_taken_for_its_own_compiled_code() {
    let (cache, component) = filled();
    fs::write(entries(cache.path()).pop().unwrap(), &component).unwrap();
    assert!(needs_compiling(cache.path(), &component));
}

#[test]
fn several_sandboxes_can_fill_one_cache_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let component = guest("plain", "", HONEST);
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                let sandbox = guest::sandbox_in(Limits::default(), Some(cache.path()));
                let plugin = sandbox.load(&component).unwrap();
                assert_eq!(run(&plugin, Limits::default()).result.unwrap_err().kind(), "inconclusive");
            });
        }
    });
    assert!(!needs_compiling(cache.path(), &component));
    assert_eq!(entries(cache.path()).len(), 1);
}

#[test]
fn a_cache_that_cannot_be_used_is_told_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cache");
    fs::write(&file, "x").unwrap();
    let config =
        SandboxConfig { cache_dir: Some(file), compiler: Some(compiler()), ..SandboxConfig::default() };
    assert!(Sandbox::new(config).unwrap_err().to_string().contains("cache"));
}
