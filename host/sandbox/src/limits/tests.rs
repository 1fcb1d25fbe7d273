//! Tests that the limits and messages in `docs/limits.md`, which plugin authors read, match the code.

use super::*;
use crate::{Compiler, LoadError, MAX_COMPONENT_BYTES, RunFailure, contract::Contract};

const PAGES: [&str; 2] =
    [include_str!("../../../../docs/limits.md"), include_str!("../../../../docs/limits.zh-CN.md")];

/// Asserts that both pages have a line that contains all of `words`.
fn told(words: &[&str]) {
    for page in PAGES {
        let line = page.lines().find(|line| words.iter().all(|word| line.contains(word)));
        assert!(line.is_some(), "no line has {words:?}");
    }
}

/// Writes a number with thousands separators: 2,000,000,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn mebibytes(bytes: usize) -> String {
    format!("{} MiB", bytes >> 20)
}

#[test]
fn failures_of_a_run_are_told_in_their_own_words() {
    let limits = Limits::default();
    let pages = 65_536;
    for (granted, failure) in [
        (grouped(limits.fuel), RunFailure::FuelExhausted(limits.fuel)),
        (
            mebibytes(limits.memory_bytes),
            RunFailure::MemoryExceeded { wanted: limits.memory_bytes + pages, granted: limits.memory_bytes },
        ),
        (format!("{} s", limits.timeout.as_secs()), RunFailure::TimedOut(limits.timeout)),
        (format!("{} KiB", crate::engine::WASM_STACK_BYTES >> 10), RunFailure::StackOverflow),
        (
            grouped(limits.table_elements as u64),
            RunFailure::TableExceeded { wanted: limits.table_elements + 1, granted: limits.table_elements },
        ),
        (mebibytes(limits.result_bytes), RunFailure::ResultTooLarge(limits.result_bytes)),
        (grouped(limits.handles as u64), RunFailure::TooManyHandles(limits.handles)),
    ] {
        told(&[&format!("| {granted}"), &format!("`{}`", failure.kind()), &failure.to_string()]);
    }
    told(&[&format!("{} ms", BEAT.as_millis()), "--plugin-timeout"]);
    told(&["| 64 |"]);
    told(&[&format!("| {} |", grouped(limits.log_line_bytes as u64))]);
    told(&[&format!("| {} KiB |", limits.baseline_bytes >> 10), "`store`"]);
    assert_eq!(limits.log_lines, 64);
}

#[test]
fn refusals_of_a_component_are_told_in_their_own_words() {
    let too_large = |what, granted: u64| LoadError::TooLarge { what, found: granted + 1, granted };
    let compiler = Compiler::this_program().unwrap();
    let newer = Contract::CURRENT.check("easysight:diagnosis/video@1.3.0").unwrap_err().to_string();
    let (newer, _) = newer.split_once("1.2.0: ").unwrap();
    for (granted, error) in [
        (mebibytes(MAX_COMPONENT_BYTES), too_large("bytes of the component", MAX_COMPONENT_BYTES as u64)),
        (
            grouped(crate::vet::MAX_FUNCTIONS),
            too_large("functions of the component", crate::vet::MAX_FUNCTIONS),
        ),
        (grouped(crate::vet::MAX_NESTED), too_large("modules within the component", crate::vet::MAX_NESTED)),
        (String::new(), LoadError::Precompiled),
        (String::new(), LoadError::ForeignImport("wasi:http/types@0.2.0".into())),
        (format!("{} s", compiler.timeout.as_secs()), LoadError::CompileTimeout(compiler.timeout)),
        (String::new(), LoadError::Describe(RunFailure::FuelExhausted(Limits::default().fuel))),
    ] {
        told(&[&granted, &error.to_string()]);
    }
    told(&[newer, "`other-contract`"]);
    told(&[&LoadError::WrongWorld("…".into()).to_string()]);
    told(&[&format!("| {} GiB", compiler.memory_bytes >> 30)]);
    told(&[
        &MAX_CORE_INSTANCES.to_string(),
        &MAX_MEMORIES.to_string(),
        &MAX_TABLES.to_string(),
        "`does-not-compile`",
    ]);
}
