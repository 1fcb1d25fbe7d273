//! Writes a profile in the format of <https://profiler.firefox.com>, which draws it as a flame graph. The format
//! consists of tables that refer to each other by index. The profiler's page "processed profile format" describes the
//! tables.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The version of the format. Newer profilers upgrade it.
const VERSION: u32 = 47;

/// The tables under construction.
#[derive(Default)]
struct Tables {
    strings: Vec<String>,
    string_at: HashMap<String, usize>,
    /// The index of each function's name. Each function has exactly one frame.
    functions: Vec<usize>,
    function_at: HashMap<usize, usize>,
    /// The index of each stack's parent, and the stack's own frame.
    stacks: Vec<(Option<usize>, usize)>,
    stack_at: HashMap<(Option<usize>, usize), usize>,
}

/// Returns the index of a key in a table. Adds the key if it is missing.
fn indexed<K: Clone + Eq + std::hash::Hash>(table: &mut Vec<K>, at: &mut HashMap<K, usize>, key: K) -> usize {
    *at.entry(key.clone()).or_insert_with(|| {
        table.push(key);
        table.len() - 1
    })
}

impl Tables {
    fn stack(&mut self, names: &[String]) -> Option<usize> {
        let mut below = None;
        for name in names {
            let string = indexed(&mut self.strings, &mut self.string_at, name.clone());
            let function = indexed(&mut self.functions, &mut self.function_at, string);
            below = Some(indexed(&mut self.stacks, &mut self.stack_at, (below, function)));
        }
        below
    }
}

/// Returns the profile. Fuel is shown as time: one unit is a nanosecond, a million units are a millisecond.
pub(super) fn profile(plugin: &str, stacks: &[(u64, Vec<String>)]) -> Value {
    let mut tables = Tables::default();
    let sampled: Vec<Option<usize>> = stacks.iter().map(|(_, names)| tables.stack(names)).collect();
    let times: Vec<f64> = stacks.iter().map(|(fuel, _)| *fuel as f64 / 1e6).collect();
    let step = match times.as_slice() {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    let count = tables.functions.len();
    let nothing = vec![Value::Null; count];
    let frames: Vec<usize> = (0..count).collect();
    json!({
        "meta": {
            "interval": step, "startTime": 0, "processType": 0, "product": plugin, "stackwalk": 0,
            "version": 24, "preprocessedProfileVersion": VERSION, "symbolicated": true, "debug": false,
            "markerSchema": [], "sampleUnits": {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns"},
            "categories": [{"name": "Other", "color": "grey", "subcategories": ["Other"]}],
        },
        "libs": [],
        "threads": [{
            "name": "fuel", "processType": "default", "processName": plugin, "isMainThread": true,
            "processStartupTime": 0, "processShutdownTime": null, "registerTime": 0, "unregisterTime": null,
            "pausedRanges": [], "pid": "1", "tid": 1, "showMarkersInTimeline": false,
            "samples": {
                "stack": sampled, "time": times, "weight": null, "weightType": "samples",
                "length": stacks.len(),
            },
            "stackTable": {
                "prefix": tables.stacks.iter().map(|(below, _)| *below).collect::<Vec<_>>(),
                "frame": tables.stacks.iter().map(|(_, frame)| *frame).collect::<Vec<_>>(),
                "category": vec![0; tables.stacks.len()], "subcategory": vec![0; tables.stacks.len()],
                "length": tables.stacks.len(),
            },
            "frameTable": {
                "func": frames, "address": vec![-1; count], "inlineDepth": vec![0; count],
                "category": vec![0; count], "subcategory": vec![0; count], "nativeSymbol": nothing,
                "innerWindowID": nothing, "implementation": nothing, "line": nothing, "column": nothing,
                "length": count,
            },
            "funcTable": {
                "name": tables.functions, "isJS": vec![false; count], "relevantForJS": vec![false; count],
                "resource": vec![-1; count], "fileName": nothing, "lineNumber": nothing, "columnNumber": nothing,
                "length": count,
            },
            "resourceTable": {"lib": [], "name": [], "host": [], "type": [], "length": 0},
            "nativeSymbols": {"libIndex": [], "address": [], "name": [], "functionSize": [], "length": 0},
            "markers": {
                "data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": [], "length": 0,
            },
            "stringArray": tables.strings,
        }],
    })
}
