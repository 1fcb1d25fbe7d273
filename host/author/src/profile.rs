//! Finds the functions that use the most fuel. A run is repeated with more and more fuel, in even steps. Each time
//! the fuel runs out, the stack is read: it shows where the plugin was at this amount of fuel. The same plugin,
//! clip and configuration give the same profile, regardless of the load of the machine.

mod firefox;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use easysight_capture::Clip;
use easysight_sandbox::{Limits, Plugin, RunInput, RunOutcome, StackFrame};
use serde::Serialize;

/// The number of samples. A function that uses 1 % of the fuel appears in about four samples.
const SAMPLES: u64 = 400;
/// The minimum number of samples, even for a slow plugin.
const LEAST_SAMPLES: u64 = 20;
/// The time limit for sampling, unless the minimum number of samples needs more time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The name for work of the host, mostly handing over pixels.
const HOST: &str = "(the host: handing over pixels)";
/// The name for samples without any function of the plugin on the stack.
const START: &str = "(starting and handing over)";

/// The share of one function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The name of the function.
    pub function: String,
    /// The share of the fuel that the function itself uses, 0 to 1.
    pub own: f64,
    /// The share of the function including all functions that it calls, 0 to 1.
    pub inclusive: f64,
}

/// A profile of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The fuel of the whole run.
    pub fuel: u64,
    /// The fuel at each sample, and the stack there, outermost function first.
    stacks: Vec<(u64, Vec<String>)>,
}

/// Profiles a run.
#[must_use]
pub fn profile(plugin: &Plugin, clip: &Arc<Clip>, config: &Arc<str>) -> Profile {
    let run = |fuel: u64| -> RunOutcome {
        let (clip, config) = (Arc::clone(clip), Arc::clone(config));
        plugin.run(RunInput { clip, config, limits: Limits { fuel, ..Limits::default() }, baseline: None })
    };
    let whole = run(Limits::default().fuel);
    // The fuel of the samples is spread evenly from none to all, so a sample takes half of the time of a run on
    // average.
    let affordable = 2.0 * PATIENCE.as_secs_f64() / whole.elapsed.as_secs_f64().max(1e-6);
    let samples = (affordable as u64).clamp(LEAST_SAMPLES, SAMPLES);
    let stacks = (0..samples).map(|index| {
        let fuel = u128::from(whole.fuel) * u128::from(2 * index + 1) / u128::from(2 * samples);
        let fuel = u64::try_from(fuel).unwrap_or(u64::MAX).max(1);
        (fuel, named(&run(fuel).stack))
    });
    let stacks = stacks.collect();
    Profile { fuel: whole.fuel, stacks }
}

/// Returns the names of the stack, outermost function first.
fn named(stack: &[StackFrame]) -> Vec<String> {
    let name = |frame: &StackFrame| if frame.in_host { HOST.to_owned() } else { in_words(&frame.function) };
    let names: Vec<String> = stack.iter().rev().map(name).collect();
    if names.is_empty() { vec![START.to_owned()] } else { names }
}

/// Demangles a symbol.
pub(crate) fn in_words(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

impl Profile {
    /// Returns the number of samples. A slow plugin gets fewer.
    #[must_use]
    pub const fn samples(&self) -> usize {
        self.stacks.len()
    }

    /// Returns the functions, sorted by the fuel that they use themselves, the largest share first.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let (mut own, mut inclusive) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
        for (_, stack) in &self.stacks {
            if let Some(innermost) = stack.last() {
                *own.entry(innermost).or_default() += 1;
            }
            // A recursive function is on the stack more than once.
            for function in stack.iter().map(String::as_str).collect::<BTreeSet<_>>() {
                *inclusive.entry(function).or_default() += 1;
            }
        }
        let share = |count: usize| count as f64 / self.stacks.len().max(1) as f64;
        let mut shares: Vec<Share> = inclusive
            .into_iter()
            .map(|(function, count)| Share {
                function: function.to_owned(),
                own: share(own.get(function).copied().unwrap_or_default()),
                inclusive: share(count),
            })
            .collect();
        shares.sort_by(|a, b| b.own.total_cmp(&a.own).then(b.inclusive.total_cmp(&a.inclusive)));
        shares
    }

    /// Returns the profile for <https://profiler.firefox.com>. One unit of fuel is shown as one nanosecond.
    #[must_use]
    pub fn for_firefox(&self, plugin: &str) -> serde_json::Value {
        firefox::profile(plugin, &self.stacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stacks: &[&[&str]]) -> Profile {
        let named = |stack: &&[&str]| stack.iter().map(|name| (*name).to_owned()).collect();
        let stacks = stacks.iter().enumerate().map(|(at, stack)| (at as u64, named(stack))).collect();
        Profile { fuel: 4, stacks }
    }

    #[test]
    fn a_function_s_own_share_is_told_from_that_of_what_it_calls() {
        let profile =
            of(&[&["diagnose"], &["diagnose", "blur"], &["diagnose", "blur"], &["diagnose", "blur", "blur"]]);
        let shares = profile.shares();
        assert_eq!(shares[0], Share { function: "blur".into(), own: 0.75, inclusive: 0.75 });
        assert_eq!(shares[1], Share { function: "diagnose".into(), own: 0.25, inclusive: 1.0 });
    }

    #[test]
    fn symbols_are_shown_as_people_write_them() {
        assert_eq!(in_words("_ZN10brightness7measure17h0123456789abcdefE"), "brightness::measure");
        assert_eq!(in_words("measure"), "measure");
    }

    #[test]
    fn firefox_gets_every_function_and_sample() {
        let profile = of(&[&["diagnose"], &["diagnose", "blur"]]);
        let profile = profile.for_firefox("glare");
        let thread = &profile["threads"][0];
        assert_eq!(thread["stringArray"], serde_json::json!(["diagnose", "blur"]));
        assert_eq!(thread["samples"]["stack"], serde_json::json!([0, 1]));
        assert_eq!(thread["stackTable"]["prefix"], serde_json::json!([null, 0]));
    }
}
