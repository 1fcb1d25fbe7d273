//! Tests guests of several contract versions on hosts of several contract versions: today's, and a future version
//! that has one more interface.

#[path = "../../tests/guest/clip.rs"]
mod clip;
#[path = "../../tests/guest/component.rs"]
mod component;

use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    Digest, Explanation, Extent, Limits, Plugin, RunFailure, RunInput, RunOutcome, Sandbox, SandboxConfig,
    cache::CompiledCache, engine, vet::vet_for,
};
use component::{Edition, HONEST, TODAY, guest_named, guest_of};

const CONTRACT: &str = "../../wit";
/// The name and the function of the additional interface of a future contract. Guests import it, and the host serves
/// it.
const WEATHER: [&str; 2] = ["weather", "temperature: func() -> s32;"];
/// A future contract with the additional interface.
const TOMORROW: Edition<'static> = Edition { version: "1.3.0", more: WEATHER };
/// Imports the temperature from the additional interface.
const ASKING: &str =
    "(import \"easysight:diagnosis/weather@1.2.0\" \"temperature\" (func $temperature (result i32))) ---";
/// Traps unless the temperature is 21 degrees.
const WARM: &str = "(if (i32.ne (call $temperature) (i32.const 21)) (then (unreachable)))";

const fn tomorrow() -> Contract {
    Contract { version: Version::new(1, 3, 0), interfaces: &["types", "video", "baseline", "log", "weather"] }
}

fn guest(edition: &Edition<'_>, imports: &str, before: &str) -> Vec<u8> {
    guest_of(edition, "mischief", "plain", imports, "", &format!("{before} {HONEST}"))
}

/// Returns a guest that was built for this version and uses only functions of 1.0.
fn plain(version: &str) -> Vec<u8> {
    guest(&Edition { version, more: ["", ""] }, EVERYTHING, "(call $load (i32.const 2048))")
}

/// Functions of each interface of 1.0. The guest itself drops its clip.
const EVERYTHING: &str = "(import \"easysight:diagnosis/baseline@1.2.0\" \"load\" (func $load (param i32)))
    (import \"easysight:diagnosis/log@1.2.0\" \"write\" (func $log (param i32 i32 i32)))
    (import \"easysight:diagnosis/video@1.2.0\" \"[method]clip.info\" (func $info (param i32 i32))) ---";

/// A host of a contract version. Its cache already has the code of the given components, because no compiler is
/// available here.
struct Host {
    sandbox: Sandbox,
    _cache: tempfile::TempDir,
}

impl Host {
    fn of(contract: Contract, components: &[&[u8]]) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let config = SandboxConfig {
            concurrency: 1,
            cache_dir: Some(cache.path().to_owned()),
            ..SandboxConfig::default()
        };
        let weather = contract.interfaces.contains(&"weather").then(|| contract.interface("weather"));
        let running = engine::running(&config.limits, config.concurrency).unwrap();
        let entries = CompiledCache::open(cache.path(), &running).unwrap();
        for component in components {
            let code = engine::compiling().unwrap().precompile_component(component).unwrap();
            entries.store(Digest::of(component), &code);
        }
        let sandbox = Sandbox::serving(config, contract, |linker| {
            weather.map_or(Ok(()), |name| {
                linker.instance(&name)?.func_wrap("temperature", |_, (): ()| Ok((21_i32,)))
            })
        });
        Self { sandbox: sandbox.unwrap(), _cache: cache }
    }

    fn load(&self, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        self.sandbox.load(component)
    }

    fn run(&self, component: &[u8]) -> RunOutcome {
        let plugin = self.load(component).unwrap();
        let config = plugin.resolve_config(None).unwrap();
        plugin.run(RunInput { clip: clip::clip(), config, limits: Limits::default(), baseline: None })
    }
}

/// Returns the versions that a refusal names: needed and known.
fn versions(error: &LoadError) -> (String, String) {
    match error {
        LoadError::OtherContract { needed, known } => (needed.to_string(), known.to_string()),
        other => panic!("{other}"),
    }
}

#[test]
fn the_version_is_that_of_the_contract_s_own_files() {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(CONTRACT)).unwrap();
    let package = &resolve.packages[package];
    assert_eq!(format!("{}:{}/", package.name.namespace, package.name.name), PACKAGE);
    assert_eq!(package.name.version.as_ref(), Some(&Contract::CURRENT.version));
    assert_eq!(TODAY.version, Contract::CURRENT.version.to_string());
    // A plugin exports `causes`, and cannot import it.
    let interfaces: std::collections::BTreeSet<_> =
        package.interfaces.keys().map(String::as_str).filter(|name| *name != "causes").collect();
    assert_eq!(interfaces, Contract::CURRENT.interfaces.iter().copied().collect());
}

#[test]
fn a_plugin_of_today_runs_unchanged_on_a_host_of_tomorrow() {
    let body = format!("(call $load (i32.const 2048)) {HONEST}");
    let component = guest_named("mischief", "plain", EVERYTHING, "", &body);
    vet_for(&tomorrow(), &component).unwrap();
    let now = Host::of(Contract::CURRENT, &[&component]).run(&component);
    let then = Host::of(tomorrow(), &[&component]).run(&component);
    assert_eq!(then.result, Err(RunFailure::Inconclusive("mischief".into())));
    assert_eq!((then.result, then.fuel), (now.result, now.fuel));
}

#[test]
fn a_host_of_tomorrow_gives_a_plugin_of_tomorrow_what_is_new() {
    let component = guest(&TOMORROW, ASKING, WARM);
    vet_for(&tomorrow(), &component).unwrap();
    let outcome = Host::of(tomorrow(), &[&component]).run(&component);
    assert_eq!(outcome.result, Err(RunFailure::Inconclusive("mischief".into())));
}

#[test]
fn a_plugin_of_tomorrow_is_refused_today_by_both_versions() {
    // The linker alone would accept the `plain` guests, which use only functions of 1.0.
    for component in [guest(&TOMORROW, ASKING, WARM), plain("1.3.0"), plain("1.3.7"), plain("2.0.0")] {
        let told = vet_for(&Contract::CURRENT, &component).unwrap_err();
        // Code that is already in the cache is refused in the same way, although vetting does not run for it.
        let cached = Host::of(Contract::CURRENT, &[&component]).load(&component).unwrap_err();
        let fresh = Host::of(Contract::CURRENT, &[]).load(&component).unwrap_err();
        assert_eq!(told.to_string(), cached.to_string());
        assert_eq!(told.to_string(), fresh.to_string());
    }
    let error = vet_for(&Contract::CURRENT, &plain("1.3.7")).unwrap_err();
    assert_eq!(versions(&error), ("1.3.7".into(), "1.2.0".into()));
    let words = error.to_string();
    assert!(words.contains("version 1.3.7") && words.contains("version 1.2.0"), "{words}");
    assert!(words.contains("update EasySight"), "{words}");
}

#[test]
fn a_plugin_of_the_version_before_runs_and_explains_nothing() {
    let component = plain("1.0.0");
    let host = Host::of(Contract::CURRENT, &[&component]);
    assert!(host.load(&component).unwrap().explanations().is_empty());
    assert_eq!(host.run(&component).result, Err(RunFailure::Inconclusive("mischief".into())));
}

/// Returns a guest that also exports `causes`. The body of its `explanations` is `body`, whose result is the
/// address of a list.
fn explaining(version: &str, extra: &str, body: &str) -> Vec<u8> {
    let export = format!("easysight:diagnosis/causes@{version}#explanations");
    let extra = format!("{extra} (func (export \"{export}\") (result i32) {body})");
    guest_of(&Edition { version, more: ["", ""] }, "mischief", "explaining", &extra, "", HONEST)
}

/// The answer that `mischief` explains everything: a list of one explanation, in the layout of the canonical ABI
/// (id, no metric, the first case).
const EVERYTHING_EXPLAINED: &str = "(data (i32.const 3000) \"\\c8\\0b\\00\\00\\01\\00\\00\\00\")
    (data (i32.const 3016) \"\\00\\0c\\00\\00\\08\\00\\00\\00\") (data (i32.const 3072) \"mischief\")";

#[test]
fn a_plugin_says_what_its_findings_explain() {
    let component = explaining("1.2.0", EVERYTHING_EXPLAINED, "(i32.const 3000)");
    let plugin = Host::of(Contract::CURRENT, &[&component]).load(&component).unwrap();
    let everything =
        Explanation { diagnosis: "mischief".into(), decided_by: None, explains: Extent::Everything };
    assert_eq!(plugin.explanations(), [everything]);
    // A later host asks for the explanations under the export name of the plugin's version.
    let plugin = Host::of(tomorrow(), &[&component]).load(&component).unwrap();
    assert_eq!(plugin.explanations().len(), 1);
}

#[test]
fn explanations_can_be_asked_for_again_in_one_instance() {
    let again = |component: &[u8]| {
        let plugin = Host::of(Contract::CURRENT, &[component]).load(component).unwrap();
        let answers = plugin.explain_repeatedly(2).unwrap();
        answers.iter().map(|answer| answer == plugin.explanations()).collect::<Vec<_>>()
    };
    assert_eq!(again(&explaining("1.2.0", EVERYTHING_EXPLAINED, "(i32.const 3000)")), [true, true]);
    // A plugin that keeps state between calls is detected: its second list is empty.
    let forgets = "(i32.store (i32.const 3004) (i32.sub (i32.const 1) (global.get $calls)))
        (global.set $calls (i32.const 1)) (i32.const 3000)";
    let counts = format!("(global $calls (mut i32) (i32.const 0)) {EVERYTHING_EXPLAINED}");
    assert_eq!(again(&explaining("1.2.0", &counts, forgets)), [true, false]);
    assert_eq!(again(&plain("1.2.0")), [true; 0]);
}

#[test]
fn explanations_that_never_come_or_lie_are_refused() {
    let load = |extra: &str, body: &str| {
        let component = explaining("1.2.0", extra, body);
        Host::of(Contract::CURRENT, &[&component]).load(&component).unwrap_err()
    };
    let error = load("", "(loop $again (br $again)) (i32.const 3000)");
    assert!(matches!(&error, LoadError::Explanations(RunFailure::FuelExhausted(_))), "{error}");
    let error = load(&EVERYTHING_EXPLAINED.replace("\"mischief\"", "\"fishmice\""), "(i32.const 3000)");
    assert!(error.to_string().contains("`fishmice`, which is not one of its diagnoses"), "{error}");
    // A list that ends outside the memory.
    let error = load("(data (i32.const 3000) \"\\00\\00\\00\\00\\ff\\ff\\ff\\7f\")", "(i32.const 3000)");
    assert!(matches!(&error, LoadError::Explanations(_)), "{error}");
}

#[test]
fn a_patch_of_the_contract_changes_nothing() {
    let component = plain("1.2.3");
    let outcome = Host::of(Contract::CURRENT, &[&component]).run(&component);
    assert_eq!(outcome.result, Err(RunFailure::Inconclusive("mischief".into())));
}

#[test]
fn other_majors_and_drafts_are_refused() {
    let next = Contract { version: Version::new(2, 3, 0), ..Contract::CURRENT };
    for (contract, needed) in
        [(Contract::CURRENT, "0.9.0"), (Contract::CURRENT, "1.2.0-rc.1"), (next, "1.0.0")]
    {
        let import = format!("easysight:diagnosis/video@{needed}");
        let error = contract.check(&import).unwrap_err();
        assert_eq!(versions(&error), (needed.into(), contract.version.to_string()));
        assert!(!error.to_string().contains("update EasySight"), "{error}");
    }
}

#[test]
fn the_contract_is_granted_and_nothing_beside_it() {
    for granted in ["easysight:diagnosis/video@1.2.0", "wasi:io/poll@0.2.6", "wasi:cli/stdout@0.2.12"] {
        Contract::CURRENT.check(granted).unwrap();
    }
    for foreign in [
        "wasi:http/types@0.2.0",
        "wasi:io/poll@0.3.0",
        "wasi:io/poll",
        "easysight:diagnosis/videos@1.2.0",
        "easysight:diagnosis/weather@1.2.0",
        "easysight:diagnosis/causes@1.2.0",
        "easysight:diagnosis/video",
        "easysight:diagnosis/video@one",
        "secrets",
    ] {
        let error = Contract::CURRENT.check(foreign).unwrap_err();
        assert!(matches!(&error, LoadError::ForeignImport(name) if name == foreign), "{foreign}: {error}");
    }
}
