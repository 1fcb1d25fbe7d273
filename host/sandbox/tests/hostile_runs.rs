//! Tests guests that break a limit while they run. Each guest gets an error of its own kind, and the next guest runs as
//! if nothing had happened.

#![cfg(test)]

mod guest;

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use easysight_sandbox::{Limits, LoadError, Plugin, RunFailure, RunInput, RunOutcome, Stop};
use guest::{HONEST, component::guest_named, guest, run};

fn limits() -> Limits {
    Limits { fuel: 50_000_000, memory_bytes: 8 << 20, timeout: Duration::from_secs(20), ..Limits::default() }
}

fn load(limits: Limits, component: &[u8]) -> Result<Arc<Plugin>, LoadError> {
    guest::sandbox(limits).load(component)
}

/// Loads and runs a guest with this `diagnose`, and returns the kind of its failure and the outcome.
fn kind_of(limits: Limits, extra: &str, body: &str) -> (&'static str, RunOutcome) {
    let plugin = load(limits, &guest("plain", extra, body)).unwrap();
    let outcome = run(&plugin, limits);
    let kind = outcome.result.as_ref().unwrap_err().kind();
    (kind, outcome)
}

const FOREVER: &str = "(loop $again (br $again)) (unreachable)";
const CLIP_RGB: &str = "(import \"easysight:diagnosis/video@1.2.0\" \"[method]clip.rgb\"
    (func $rgb (param i32 i32 i32 i32))) ---";
const LOG: &str = "(import \"easysight:diagnosis/log@1.2.0\" \"write\" (func $log (param i32 i32 i32))) ---";
const PRINT: &str = "(import \"wasi:cli/stdout@0.2.0\" \"get-stdout\" (func $stdout (result i32)))
    (import \"wasi:io/streams@0.2.0\" \"[method]output-stream.write\" (func $write (param i32 i32 i32 i32))) ---";
const WAIT: &str = "(import \"wasi:clocks/monotonic-clock@0.2.0\" \"subscribe-duration\" (func $after (param i64) (result i32)))
    (import \"wasi:io/poll@0.2.0\" \"[method]pollable.block\" (func $block (param i32))) ---";

#[test]
fn an_honest_guest_says_what_it_says() {
    let (kind, outcome) = kind_of(limits(), "", HONEST);
    assert_eq!(kind, "inconclusive");
    assert_eq!(outcome.result.unwrap_err(), RunFailure::Inconclusive("mischief".into()));
    assert!(outcome.fuel > 0 && outcome.fuel < 1_000);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let (kind, outcome) = kind_of(limits(), "", FOREVER);
    assert_eq!((kind, outcome.fuel), ("fuel-exhausted", 50_000_000));
}

#[test]
fn an_endless_loop_with_fuel_to_spare_runs_out_of_time() {
    let limits = Limits { fuel: u64::MAX / 2, timeout: Duration::from_millis(150), ..limits() };
    let (kind, outcome) = kind_of(limits, "", FOREVER);
    assert_eq!(kind, "timed-out");
    assert!(outcome.elapsed >= Duration::from_millis(150));
}

/// Fuel is handed out in slices, so that the clock is checked between the slices.
#[test]
fn slices_of_fuel_change_nothing_about_how_much_a_run_uses() {
    let fuel = |times: u64| {
        let body = format!(
            "(loop $again
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const {times}))))
             {HONEST}"
        );
        let (kind, outcome) = kind_of(limits(), "", &body);
        assert_eq!(kind, "inconclusive");
        outcome.fuel
    };
    let (first, second) = (fuel(1_000), fuel(2_000));
    let each = (second - first) / 1_000;
    assert_eq!(fuel(1_000_000), first + 999_000 * each);
}

#[test]
fn waiting_for_ever_ends_with_the_deadline() {
    let body = "(call $block (call $after (i64.const 9223372036854775807))) (unreachable)";
    let limits = Limits { timeout: Duration::from_millis(150), ..limits() };
    let plugin = load(limits, &guest("waiting", WAIT, body)).unwrap();
    assert_eq!(run(&plugin, limits).result.unwrap_err().kind(), "timed-out");
}

/// Stops a run after a short time, during its work. Returns the outcome, and the time from the stop to the end of the
/// run.
fn stopped_meanwhile(plugin: &Plugin, limits: Limits) -> (RunOutcome, Duration) {
    let (stop, config) = (Stop::new(), plugin.resolve_config(None).unwrap());
    let input = RunInput { clip: guest::clip::clip(), config, limits, baseline: None };
    thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            // Nothing is ever sent, so the receiver waits until the timeout. By then, the run is in its endless work.
            let (_sender, nothing) = mpsc::channel::<()>();
            nothing.recv_timeout(Duration::from_millis(300)).unwrap_err();
            stop.stop();
            Instant::now()
        });
        let outcome = plugin.run_until(input, &stop);
        (outcome, stopping.join().unwrap().elapsed())
    })
}

#[test]
fn a_run_that_nobody_waits_for_is_stopped_at_once() {
    let much = Limits { fuel: u64::MAX / 2, timeout: Duration::from_secs(60), ..limits() };
    let wait = "(call $block (call $after (i64.const 9223372036854775807))) (unreachable)";
    // The next two guests and the printing one use much time and little fuel: they wait for uncached memory, grow
    // memory by zero pages, or print.
    let walk = "(loop $again
        (local.set $i (i32.and (i32.add (local.get $i) (i32.load (local.get $i))) (i32.const 0x1ffc0)))
        (local.set $i (i32.and (i32.add (local.get $i) (i32.const 4160)) (i32.const 0x1ffc0)))
        (br $again)) (unreachable)";
    let grow = "(loop $again (drop (memory.grow (i32.const 0))) (br $again)) (unreachable)";
    for hostile in [
        guest("plain", "", FOREVER),
        guest("waiting", WAIT, wait),
        guest("plain", "", walk),
        guest("plain", "", grow),
        printing(u32::MAX, 60_000, "(unreachable)"),
    ] {
        let plugin = load(much, &hostile).unwrap();
        let (outcome, after) = stopped_meanwhile(&plugin, much);
        assert_eq!(outcome.result.unwrap_err(), RunFailure::Stopped);
        assert!(outcome.elapsed >= Duration::from_millis(300));
        assert!(after < Duration::from_millis(100), "{after:?}");
    }
}

#[test]
fn endless_recursion_overflows_its_own_stack() {
    let (kind, _) = kind_of(limits(), "(func $deep (call $deep))", "(call $deep) (unreachable)");
    assert_eq!(kind, "stack-overflow");
}

#[test]
fn a_plugin_that_is_stopped_says_where() {
    let functions = |outcome: &RunOutcome| -> Vec<String> {
        outcome.stack.iter().map(|frame| frame.function.clone()).collect()
    };
    let (_, outcome) = kind_of(limits(), "(func $deeper unreachable)", "(call $deeper) (unreachable)");
    assert_eq!(functions(&outcome)[..2], ["deeper", "body"]);
    assert!(outcome.stack.iter().all(|frame| !frame.in_host));
    // The fuel may also run out while the host works for the plugin.
    let body = "(loop $again (call $rgb (local.get $clip) (i32.const 0) (i32.const 2) (i32.const 600)) (br $again)) (unreachable)";
    let (kind, outcome) = kind_of(Limits { fuel: 5_000, ..limits() }, CLIP_RGB, body);
    assert_eq!((kind, outcome.stack[0].in_host), ("fuel-exhausted", true));
    // Between the host call and `body` is the shim that the component's encoder adds for an import. It has no name.
    assert!(functions(&outcome).contains(&"body".to_owned()));
    assert!(kind_of(limits(), "", HONEST).1.stack.is_empty());
}

#[test]
fn a_descriptor_can_be_asked_for_again_in_one_instance() {
    let plugin = load(limits(), &guest("plain", "", HONEST)).unwrap();
    let answers = plugin.describe_repeatedly(3).unwrap();
    assert!(answers.len() == 3 && answers.iter().all(|answer| answer == plugin.descriptor()));
    // A plugin that counts its calls is detected.
    let counting = guest_named(
        "mischief",
        "plain",
        "(global $calls (mut i32) (i32.const 0))",
        "(i32.store8 (i32.const 1200) (i32.add (i32.const 109) (global.get $calls)))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))",
        HONEST,
    );
    let answers = load(limits(), &counting).unwrap().describe_repeatedly(2).unwrap();
    assert_ne!(answers[0], answers[1]);
}

#[test]
fn memory_ends_at_its_limit() {
    let (kind, outcome) = kind_of(limits(), "", "(drop (memory.grow (i32.const 1000))) (unreachable)");
    assert_eq!(kind, "memory-exceeded");
    assert!(outcome.memory_bytes <= 8 << 20);
}

#[test]
fn growing_memory_page_by_page_ends_at_the_same_limit() {
    let body = "(loop $again (drop (memory.grow (i32.const 1))) (br $again)) (unreachable)";
    assert_eq!(kind_of(limits(), "", body).0, "memory-exceeded");
}

#[test]
fn bulk_memory_costs_fuel_by_the_byte() {
    let body = "(loop $again (memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536)) (br $again)) (unreachable)";
    let (kind, outcome) = kind_of(limits(), "", body);
    assert_eq!(kind, "fuel-exhausted");
    // 50 million bytes are filled in far less than the time limit.
    assert!(outcome.elapsed < Duration::from_secs(10));
}

#[test]
fn host_calls_cost_fuel() {
    let body = "(loop $again (call $rgb (local.get $clip) (i32.const 0) (i32.const 2) (i32.const 600)) (br $again)) (unreachable)";
    let plugin = load(limits(), &guest("plain", CLIP_RGB, body)).unwrap();
    let outcome = run(&plugin, limits());
    assert_eq!(outcome.result.unwrap_err().kind(), "fuel-exhausted");
    // A byte of RGB costs four units, so at most a quarter of the fuel is handed over as bytes.
    assert!(outcome.bytes_handed_over > 5_000_000 && outcome.bytes_handed_over <= 12_500_000);
}

#[test]
fn a_log_flood_is_cut_and_counted() {
    let body = format!(
        "(loop $again
            (call $log (i32.const 1) (i32.const 1200) (i32.const 8))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
         {HONEST}"
    );
    let plugin = load(limits(), &guest("plain", LOG, &body)).unwrap();
    let outcome = run(&plugin, limits());
    assert_eq!((outcome.log.len(), outcome.dropped_log_lines), (64, 936));
    assert_eq!(outcome.log[0].text, "mischief");
}

#[test]
fn a_baseline_too_large_is_refused_and_the_guest_goes_on() {
    let imports =
        "(import \"easysight:diagnosis/baseline@1.2.0\" \"store\" (func $store (param i32 i32 i32))) ---";
    // The answer is an error that names the limit. Otherwise the guest traps.
    let body = format!(
        "(call $store (i32.const 4096) (i32.const 1001) (i32.const 2048))
         (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (then (unreachable)))
         (if (i32.ne (i32.load (i32.const 2052)) (i32.const 1000)) (then (unreachable)))
         (call $store (i32.const 4096) (i32.const 1000) (i32.const 2048))
         (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 0)) (then (unreachable)))
         {HONEST}"
    );
    let limits = Limits { baseline_bytes: 1_000, ..limits() };
    let plugin = load(limits, &guest("plain", imports, &body)).unwrap();
    let outcome = run(&plugin, limits);
    assert_eq!(outcome.result.unwrap_err().kind(), "inconclusive");
    // A run without a report does not change the baseline.
    assert_eq!(outcome.baseline, None);
}

#[test]
fn a_flood_of_printing_is_dropped_but_for_the_last_words() {
    let body = "(local $stdout i32) (local.set $stdout (call $stdout))
        (loop $again
            (call $write (local.get $stdout) (i32.const 4096) (i32.const 60000) (i32.const 2048))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 3000))))
        (call $write (local.get $stdout) (i32.const 1200) (i32.const 8) (i32.const 2048))
        (unreachable)";
    let limits = Limits { fuel: 200_000_000, ..limits() };
    let plugin = load(limits, &guest("printing", PRINT, body)).unwrap();
    let outcome = run(&plugin, limits);
    // 180 MB were printed.
    assert_eq!(outcome.log.len(), 1);
    assert!(outcome.log[0].text.len() <= 1_024);
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.kind(), "trap");
    assert!(failure.to_string().contains("unreachable") && failure.to_string().contains("mischief"));
}

/// Returns a guest that prints `bytes` bytes `times` times and then does `then`.
fn printing(times: u32, bytes: u32, then: &str) -> Vec<u8> {
    let body = format!(
        "(local $stdout i32) (local.set $stdout (call $stdout))
         (loop $again
            (call $write (local.get $stdout) (i32.const 4096) (i32.const {bytes}) (i32.const 2048))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const {times}))))
         {then}"
    );
    guest("printing", PRINT, &body)
}

#[test]
fn calls_of_wasi_cost_fuel_as_those_of_the_contract_do() {
    let fuel = |times, bytes| {
        let plugin = load(limits(), &printing(times, bytes, HONEST)).unwrap();
        let (first, again) = (run(&plugin, limits()), run(&plugin, limits()));
        assert_eq!(first.result.unwrap_err().kind(), "inconclusive");
        assert_eq!(first.fuel, again.fuel);
        first.fuel
    };
    // A call costs 100 and a byte costs 1, in addition to the instructions.
    let (one, many, long) = (fuel(1, 0), fuel(1_001, 0), fuel(1, 5_000));
    assert!(((many - one) / 1_000).abs_diff(100) < 50, "{one} {many}");
    assert_eq!(long - one, 5_000);
}

#[test]
fn a_plugin_that_does_nothing_but_print_runs_out_of_fuel() {
    let plugin = load(limits(), &printing(u32::MAX, 60_000, HONEST)).unwrap();
    let outcome = run(&plugin, limits());
    assert_eq!((outcome.result.unwrap_err().kind(), outcome.fuel), ("fuel-exhausted", 50_000_000));
    // 50 MB are printed in far less time.
    assert!(outcome.elapsed < Duration::from_secs(10), "{:?}", outcome.elapsed);
}

#[test]
fn what_is_owed_at_the_end_is_paid_or_there_is_no_report() {
    let plugin = load(limits(), &printing(10, 10_000, HONEST)).unwrap();
    let enough = run(&plugin, limits()).fuel;
    let run = |fuel| run(&plugin, Limits { fuel, ..limits() });
    let (paid, short) = (run(enough), run(enough - 1));
    assert_eq!((paid.result.unwrap_err().kind(), paid.fuel), ("inconclusive", enough));
    assert_eq!((short.result.unwrap_err().kind(), short.fuel), ("fuel-exhausted", enough - 1));
}

#[test]
fn a_log_line_too_long_to_take_is_refused() {
    let limits = Limits { result_bytes: 10_000, ..limits() };
    let body = "(call $log (i32.const 1) (i32.const 65536) (i32.const 100000)) (unreachable)";
    let plugin = load(limits, &guest("plain", LOG, body)).unwrap();
    assert_eq!(run(&plugin, limits).result.unwrap_err().kind(), "result-too-large");
}

#[test]
fn a_flood_of_handles_ends_at_its_limit() {
    let body = "(loop $again (drop (call $after (i64.const 1))) (br $again)) (unreachable)";
    let plugin = load(limits(), &guest("waiting", WAIT, body)).unwrap();
    assert_eq!(run(&plugin, limits()).result.unwrap_err().kind(), "too-many-handles");
}

#[test]
fn a_huge_result_is_refused_before_it_is_copied() {
    // A failure whose text is the whole memory.
    let body = "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 2))
        (i32.store (i32.const 520) (i32.const 0)) (i32.store (i32.const 524) (i32.const 262144)) (i32.const 512)";
    let limits = Limits { result_bytes: 100_000, ..limits() };
    assert_eq!(kind_of(limits, "", body).0, "result-too-large");
}

#[test]
fn results_that_point_nowhere_are_traps() {
    for pointer in ["0xfffffff0", "0x7fffffff", "3"] {
        let body = format!("(i32.const {pointer})");
        assert_eq!(kind_of(limits(), "", &body).0, "trap", "{pointer}");
    }
    let body = "(i32.store8 (i32.const 512) (i32.const 0)) (i32.store (i32.const 516) (i32.const 0xffffff00))
        (i32.store (i32.const 520) (i32.const 0xffffff)) (i32.const 512)";
    assert!(["trap", "result-too-large"].contains(&kind_of(limits(), "", body).0));
    let no_variant = "(i32.store8 (i32.const 512) (i32.const 77)) (i32.const 512)";
    assert_eq!(kind_of(limits(), "", no_variant).0, "trap");
}

#[test]
fn text_that_is_no_text_is_a_trap() {
    let body = "(i32.store (i32.const 700) (i32.const 0xfffefdfc)) (i32.store8 (i32.const 512) (i32.const 1))
        (i32.store8 (i32.const 516) (i32.const 2)) (i32.store (i32.const 520) (i32.const 700))
        (i32.store (i32.const 524) (i32.const 4)) (i32.const 512)";
    assert_eq!(kind_of(limits(), "", body).0, "trap");
}

#[test]
fn an_empty_report_is_none() {
    let body = "(i32.store8 (i32.const 512) (i32.const 0)) (i32.store (i32.const 516) (i32.const 0))
        (i32.store (i32.const 520) (i32.const 0)) (i32.const 512)";
    assert_eq!(kind_of(limits(), "", body).0, "invalid-report");
}

#[test]
fn unreachable_code_is_a_trap_that_says_so() {
    let (kind, outcome) = kind_of(limits(), "", "(unreachable)");
    assert_eq!(kind, "trap");
    assert!(outcome.result.unwrap_err().to_string().contains("unreachable"));
}

#[test]
fn a_descriptor_that_never_comes_is_told_when_the_plugin_is_loaded() {
    let hostile = guest_named("mischief", "plain", "", "(loop $again (br $again))", HONEST);
    let error = load(limits(), &hostile).unwrap_err();
    assert!(matches!(error, LoadError::Describe(RunFailure::FuelExhausted(_))), "{error}");
}

#[test]
fn the_next_run_is_as_if_nothing_had_happened() {
    let sandbox = guest::sandbox(limits());
    let honest = sandbox.load(&guest("plain", "", HONEST)).unwrap();
    let before = run(&honest, limits());
    // Each guest leaves its instance in the middle of its work.
    let writes = "(memory.fill (i32.const 0) (i32.const 255) (i32.const 262144)) (unreachable)";
    for body in
        [FOREVER, writes, "(drop (memory.grow (i32.const 50))) (loop $again (br $again)) (unreachable)"]
    {
        let hostile = sandbox.load(&guest("plain", "", body)).unwrap();
        for _ in 0..5 {
            assert!(run(&hostile, limits()).result.is_err());
            let after = run(&honest, limits());
            assert_eq!((&after.result, after.fuel), (&before.result, before.fuel));
        }
    }
}

#[test]
fn more_runs_than_places_wait_for_their_turn() {
    let sandbox = guest::sandbox(limits());
    let plugin = sandbox.load(&guest("plain", "", FOREVER)).unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..8).map(|_| scope.spawn(|| run(&plugin, limits()).result.unwrap_err())).collect();
        for run in runs {
            assert_eq!(run.join().unwrap().kind(), "fuel-exhausted");
        }
    });
}

#[test]
fn a_task_can_ask_for_less_but_not_for_more() {
    let plugin = load(limits(), &guest("plain", "", FOREVER)).unwrap();
    let less = Limits { fuel: 1_000, ..limits() };
    assert_eq!(run(&plugin, less).fuel, 1_000);
    let more = Limits { fuel: u64::MAX, ..limits() };
    assert_eq!(run(&plugin, more).fuel, 50_000_000);
}
