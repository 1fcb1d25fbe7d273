//! EasySight's worker: runs diagnosis plugins on clips, for a master or on its own.

mod api;
mod distributed;
mod executors;
mod identity;
mod jobs;
mod library;
mod metrics;
mod places;
mod service;
mod settings;
mod system;

use std::{env, process::ExitCode};

use easysight_daemon::logging;
use easysight_settings::SettingsError;

use settings::WorkerSettings;

/// The exit code if the worker does not start.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return code;
    }
    let (settings, invocation) = match WorkerSettings::read(env::args_os(), env::vars_os()) {
        Ok(read) => read,
        Err(SettingsError::CommandLine(error)) => error.exit(),
        Err(error) => return refuse(&error),
    };
    if invocation.print_config {
        print!("{}", invocation.resolved.render());
        for warning in invocation.resolved.warnings() {
            eprintln!("easysight-worker: warning: {warning}");
        }
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the runtime does not start: {error}")),
    };
    let log = match logging::start(&settings.log, &settings.traces(), runtime.handle()) {
        Ok(log) => log,
        Err(error) => return refuse(&format!("{error:#}")),
    };
    for warning in invocation.resolved.warnings() {
        tracing::warn!("{warning}");
    }
    let ended = runtime.block_on(service::run(settings)).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        refuse(&format!("{error:#}"))
    });
    log.end();
    // A plugin may still compute, for example after a second signal. The program does not wait for it.
    runtime.shutdown_background();
    ended
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("easysight-worker: {error}");
    ExitCode::from(EXIT_USAGE)
}
