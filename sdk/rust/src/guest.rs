//! The component's part of [`crate::export!`].

use std::sync::Once;

use crate::{
    Descriptor, Explanation, Failure, Plugin, Report, bindings,
    bindings::easysight::diagnosis::log::{self, Level},
    explanations_of, full_descriptor, native,
};

/// Logs the message of each panic, because the panic then becomes a trap without a message.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| log::write(Level::Error, &panic.to_string())));
    });
}

#[doc(hidden)]
#[must_use]
pub fn describe<P: Plugin>() -> Descriptor {
    report_panics();
    full_descriptor::<P>()
}

#[doc(hidden)]
#[must_use]
pub fn explanations<P: Plugin>() -> Vec<Explanation> {
    report_panics();
    explanations_of::<P>()
}

#[doc(hidden)]
pub fn diagnose<P: Plugin>(clip: &bindings::Clip, config: &str) -> Result<Report, Failure> {
    report_panics();
    native::<P>(clip, config)
}
