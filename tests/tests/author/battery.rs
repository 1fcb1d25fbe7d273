//! The conformance checks of `plugin check`, run on plugins that each have one defect.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    component::{Edition, HONEST, guest_named, guest_of},
    programs::plugins,
    terminal::json as ask,
};

const INFO: &str =
    "(import \"easysight:diagnosis/video@1.2.0\" \"[method]clip.info\" (func $info (param i32 i32))) ---";
const FRAMES: &str =
    "(import \"easysight:diagnosis/video@1.2.0\" \"[method]clip.frames\" (func $frames (param i32 i32))) ---";
const CROP: &str = "(import \"easysight:diagnosis/video@1.2.0\" \"[method]clip.crop\"
    (func $crop (param i32 i32 i32 i32 i32 i32 i32 i32 i32))) ---";
const LOAD: &str = "(import \"easysight:diagnosis/baseline@1.2.0\" \"load\" (func $load (param i32))) ---";

/// Makes the body of a plugin's `diagnose`. The body aborts if the condition holds. Otherwise it answers as
/// [`HONEST`] does.
fn breaking_if(condition: &str) -> String {
    format!("(if {condition} (then (unreachable))) {HONEST}")
}

/// Makes a body that aborts if the condition on the result of `clip.info` holds. The result is at the address 2048.
fn breaking_if_info(condition: &str) -> String {
    format!("(call $info (local.get $clip) (i32.const 2048)) {}", breaking_if(condition))
}

/// Checks a component. Returns the names of the failed checks, and the complete output.
fn failing(component: &[u8]) -> (BTreeSet<String>, Value) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("guest.wasm"), component).unwrap();
    let arguments = ["check", "guest.wasm"];
    // The exit code is compared with the verdicts below.
    let (code, output) =
        crate::terminal::answer(dir.path(), &[&arguments[..], &["--format", "json"]].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = said["checks"].as_array().unwrap().clone();
    let failing: Vec<&Value> = checks.iter().filter(|check| check["verdict"] == "fail").collect();
    assert_eq!(code, i32::from(!failing.is_empty()), "{said}");
    for check in &failing {
        assert!(!check["advice"].as_str().unwrap().is_empty(), "{check} has no advice");
    }
    (failing.iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect(), said)
}

/// Asserts that the guest fails in exactly these checks, and that the output contains `words`.
fn fails(extra: &str, before: &str, body: &str, names: &[&str], words: &str) {
    let (found, said) = failing(&guest_named("mischief", "plain", extra, before, body));
    let wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, wanted, "{said:#}");
    assert!(said.to_string().contains(words), "{words}: {said:#}");
}

#[test]
fn an_honest_plugin_fails_in_nothing() {
    let (found, said) = failing(&guest_named("mischief", "plain", "", "", HONEST));
    assert!(found.is_empty(), "{said:#}");
    assert_eq!(said["plugin"]["name"], "mischief");
}

#[test]
fn standard_plugins_pass_without_advice() {
    for name in ["brightness", "freeze"] {
        let (found, said) = failing(&fs::read(plugins().join(name).with_extension("wasm")).unwrap());
        assert!(found.is_empty(), "{said:#}");
        let advice = said["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "advice");
        assert_eq!(advice.count(), 0, "{said:#}");
    }
}

#[test]
fn a_plugin_that_is_none_is_refused_as_an_upload_would_be() {
    let (found, said) = failing(b"\0asm\x01\0\0\0");
    assert!(found.contains("accepted") && said["plugin"].is_null(), "{said:#}");
    let import = "(import \"wasi:http/types@0.2.0\" \"request\" (func $request)) ---";
    let (found, said) = failing(&guest_named("browsing", "foreign", import, "(call $request)", HONEST));
    assert!(found.contains("accepted") && said.to_string().contains("no network"), "{said:#}");
    let tomorrow = Edition { version: "1.3.0", more: ["", ""] };
    let (found, said) = failing(&guest_of(&tomorrow, "tomorrow", "plain", "", "", HONEST));
    let words = said.to_string();
    assert!(found.contains("accepted"), "{said:#}");
    assert!(words.contains("version 1.3.0") && words.contains("version 1.2.0"), "{said:#}");
}

#[test]
fn one_that_bears_no_tiny_picture_is_caught() {
    let body = breaking_if_info("(i32.eq (i32.load (i32.const 2048)) (i32.const 1))");
    fails(INFO, "", &body, &["sizes"], "1 × 1: the plugin aborted");
}

#[test]
fn one_that_burns_too_much_on_huge_pictures_is_caught() {
    // The loop has 16 rounds per pixel.
    let body = format!(
        "(call $info (local.get $clip) (i32.const 2048))
         (local.set $i (i32.mul (i32.const 16) (i32.mul (i32.load (i32.const 2048)) (i32.load (i32.const 2052)))))
         (loop $again
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (br_if $again (i32.gt_s (local.get $i) (i32.const 0))))
         {HONEST}"
    );
    fails(INFO, "", &body, &["sizes"], "7680 × 4320: the plugin used up its fuel");
}

#[test]
fn one_that_bears_no_missing_frame_rate_is_caught() {
    let body = breaking_if_info("(f32.eq (f32.load (i32.const 2068)) (f32.const 0))");
    fails(INFO, "", &body, &["streams"], "no codec, no rate");
}

#[test]
fn one_that_divides_by_the_time_between_frames_is_caught() {
    let body = format!(
        "(call $frames (local.get $clip) (i32.const 2048))
         (local.set $i (i32.load (i32.const 2048)))
         (if (i32.gt_u (i32.load (i32.const 2052)) (i32.const 1)) (then
            (drop (i64.div_u (i64.const 1) (i64.sub (i64.load (i32.add (local.get $i) (i32.const 16))) (i64.load (local.get $i)))))))
         {HONEST}"
    );
    fails(FRAMES, "", &body, &["times"], "all frames at the same time");
}

#[test]
fn one_that_divides_by_the_light_is_caught() {
    let body = format!(
        "(call $crop (local.get $clip) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 1) (i32.const 1) (i32.const 2048))
         (drop (i32.div_u (i32.const 1) (i32.load8_u (i32.load (i32.const 2052)))))
         {HONEST}"
    );
    let (found, said) = failing(&guest_named("mischief", "plain", CROP, "", &body));
    assert!(found.contains("pictures"), "{said:#}");
    assert!(said.to_string().contains("black: the plugin aborted"), "{said:#}");
}

#[test]
fn one_that_bears_no_long_configuration_is_caught() {
    let body = breaking_if("(i32.gt_u (local.get $length) (i32.const 1000))");
    fails("", "", &body, &["config-unknown"], "an unknown field");
}

#[test]
fn one_that_trusts_its_baseline_is_caught() {
    let body = format!(
        "(call $load (i32.const 2048)) {}",
        breaking_if("(i32.eq (i32.load8_u (i32.const 2048)) (i32.const 1))")
    );
    fails(LOAD, "", &body, &["baseline"], "bytes that the plugin did not write");
}

#[test]
fn one_that_describes_itself_differently_is_caught() {
    let before = "(i32.store8 (i32.const 1200) (i32.add (i32.const 109) (global.get $calls)))
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    fails("(global $calls (mut i32) (i32.const 0))", before, HONEST, &["descriptor"], "differently");
}

#[test]
fn one_that_speaks_one_language_is_caught() {
    // This sets the length of the Chinese title to 0.
    fails("", "(i32.store (i32.const 1112) (i32.const 0))", HONEST, &["texts"], "in Chinese");
}

#[test]
fn one_whose_report_breaks_the_contract_is_caught() {
    let empty = "(i32.store8 (i32.const 512) (i32.const 0)) (i32.store (i32.const 516) (i32.const 0))
        (i32.store (i32.const 520) (i32.const 0)) (i32.const 512)";
    let (found, said) = failing(&guest_named("mischief", "plain", "", "", empty));
    assert!(found.contains("runs") && said.to_string().contains("no finding"), "{said:#}");
}

#[test]
fn the_check_is_a_table_for_people() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("guest.wasm"), guest_named("mischief", "plain", "", "", HONEST)).unwrap();
    let (code, output) = crate::terminal::answer(dir.path(), &["check", "guest.wasm"]);
    let said = crate::terminal::text(&output.stdout);
    assert_eq!(code, 0, "{said}");
    for words in ["mischief 1.0.0", "determinism", "a master would accept it", "fuel"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let cases = "[[case]]\nrender = \"street\"\nexpect = { failure = \"inconclusive\" }\n";
    fs::write(dir.path().join("cases.toml"), cases).unwrap();
    assert_eq!(ask(dir.path(), 0, &["test", "guest.wasm"])[0]["passed"], true);
}
