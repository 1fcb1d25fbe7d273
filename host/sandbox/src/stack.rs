//! The stack of a plugin when the engine stopped it, for the author who searches for the cause.

use wasmtime::WasmBacktrace;

use crate::limits::Overrun;

/// One function of a plugin's stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The symbol in the component's name section, mangled as the plugin's compiler mangles it. The function's
    /// number if there is no symbol.
    pub function: String,
    /// True if the plugin was in a call of the host. The call has no symbol of its own.
    pub in_host: bool,
}

/// Returns the stack that an engine's error carries, innermost function first.
pub(crate) fn of(error: &wasmtime::Error) -> Vec<StackFrame> {
    let mut stack = Vec::new();
    // The host charges fuel for a call before it does the work of the call. If the fuel or the time is used up at this
    // point, the engine's stack does not contain the call, so the call is added here.
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
