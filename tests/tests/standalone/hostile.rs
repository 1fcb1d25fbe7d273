//! Hostile plugins next to the standard ones in a worker: each gets its own clear error, and the others work as
//! usual.

use std::fs;

use serde_json::json;

use crate::{
    component::{Edition, HONEST, TODAY, encode, guest_named, guest_of},
    programs::{has_ffmpeg, make_clip, plugins},
    worker::{Worker, finding},
};

/// The name, further parts of the module, the body of `diagnose`, and the kind of the failure.
const HOSTILE: &[(&str, &str, &str, &str)] = &[
    ("endlessl", "", "(loop $again (br $again)) (unreachable)", "fuel-exhausted"),
    ("recursed", "(func $deep (call $deep))", "(call $deep) (unreachable)", "stack-overflow"),
    (
        "memories",
        "",
        "(loop $again (memory.fill (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)) (i32.const 1) (i32.const 1048576)) (br $again)) (unreachable)",
        "memory-exceeded",
    ),
    ("trapping", "", "(unreachable)", "trap"),
    ("pointing", "", "(i32.const 0x7ffffff0)", "trap"),
    (
        "flooding",
        "",
        "(drop (memory.grow (i32.const 100))) (i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 2))
         (i32.store (i32.const 520) (i32.const 0)) (i32.store (i32.const 524) (i32.const 6000000)) (i32.const 512)",
        "result-too-large",
    ),
    ("honestly", "", HONEST, "inconclusive"),
];

#[tokio::test]
async fn hostile_plugins_leave_the_worker_serving_others() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in ["brightness.wasm", "freeze.wasm"] {
        fs::copy(plugins().join(name), dir.path().join(name)).unwrap();
    }
    for (name, extra, body, _) in HOSTILE {
        fs::write(dir.path().join(format!("{name}.wasm")), guest_named(name, "plain", extra, "", body))
            .unwrap();
    }
    // These plugins are not even loaded.
    let never = "(loop $again (br $again))";
    fs::write(dir.path().join("mute.wasm"), guest_named("speaking", "plain", "", never, HONEST)).unwrap();
    let import = "(import \"wasi:http/types@0.2.0\" \"request\" (func $request)) ---";
    fs::write(
        dir.path().join("web.wasm"),
        guest_named("browsing", "foreign", import, "(call $request)", HONEST),
    )
    .unwrap();
    let empty = "(module (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0)))";
    fs::write(dir.path().join("empty.wasm"), encode(&TODAY, "empty", empty)).unwrap();
    fs::write(dir.path().join("text.wasm"), "nothing").unwrap();
    let newer = Edition { version: "1.3.0", more: ["", ""] };
    fs::write(dir.path().join("newer.wasm"), guest_of(&newer, "tomorrow", "plain", "", "", HONEST)).unwrap();

    let worker = Worker::start(dir.path(), &["--fuel", "200M", "--memory-limit", "64MiB"]);
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!(node["plugins"].as_array().unwrap().len(), HOSTILE.len() + 2, "{node}");
    let clip = make_clip(dir.path(), "a.mp4", "null");
    // Each clip has its own name, so that the worker has no earlier data about it.
    let named = |name: &str| {
        let copy = dir.path().join(name);
        fs::copy(&clip, &copy).unwrap();
        copy
    };
    let alone = |name: &str| json!({ "source": named(name), "diagnoses": ["brightness", "freeze"] });
    let (_, reference) = worker.submit(&alone("first.mp4"), 60_000).await;
    let told = |submission: &serde_json::Value, diagnosis: &str| {
        let mut finding = finding(submission, diagnosis).clone();
        finding["compute_ms"] = serde_json::Value::Null;
        finding
    };
    // All diagnoses at once, several times, with honest submissions in between.
    for round in 0..4 {
        let everything = json!({ "source": named(&format!("all{round}.mp4")) });
        let alone = alone(&format!("alone{round}.mp4"));
        let (all, quiet) = tokio::join!(worker.submit(&everything, 60_000), worker.submit(&alone, 60_000));
        for ((status, submission), both) in [(all, true), (quiet, false)] {
            assert_eq!((status, submission["state"].as_str()), (200, Some("finished")), "{submission}");
            for diagnosis in ["brightness", "freeze"] {
                assert_eq!(told(&submission, diagnosis), told(&reference, diagnosis));
            }
            for (name, _, _, kind) in HOSTILE.iter().filter(|_| both) {
                let finding = finding(&submission, name);
                assert_eq!(finding["failure"]["kind"], *kind, "{finding}");
                assert!(!finding["failure"]["detail"].as_str().unwrap().is_empty());
                assert!(finding["status"].is_null());
            }
        }
    }
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    let resident = node["system"]["process_memory_bytes"].as_u64().unwrap();
    assert!(resident < 300 << 20, "{resident} bytes are still held");
    assert_eq!(node["pool"]["running"], 0);
    assert_eq!(worker.get("/readyz").await.0, 200);
}
