//! Where a plugin was when the engine stopped it: for the author who looks for the reason.

use wasmtime::WasmBacktrace;

use crate::limits::Overrun;

/// One function of a plugin's stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The symbol as the component's name section has it, mangled as its compiler mangles; the function's
    /// number where there is none.
    pub function: String,
    /// True where the call was the host's, made for the plugin: it has no symbol of its own.
    pub in_host: bool,
}

/// The stack that an engine's error carries, innermost function first.
pub(crate) fn of(error: &wasmtime::Error) -> Vec<StackFrame> {
    let mut stack = Vec::new();
    // Calls into the host are charged there, before the host does the work.
    if matches!(error.downcast_ref::<Overrun>(), Some(Overrun::Fuel | Overrun::Deadline)) {
        stack.push(StackFrame { function: String::new(), in_host: true });
    }
    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
        stack.extend(trace.frames().iter().map(|frame| {
            let unnamed = || format!("function {}", frame.func_index());
            let function = frame.func_name().map_or_else(unnamed, str::to_owned);
            StackFrame { function, in_host: false }
        }));
    }
    stack
}
