//! EasySight's master: cameras, tasks, plugins, and the jobs that workers lease.

mod access;
mod announce;
mod api;
mod blobs;
mod census;
mod clock;
mod declared;
mod detached;
mod events;
mod failures;
mod folding;
mod master;
mod metrics;
mod names;
mod news;
mod operator;
mod passwords;
mod pictures;
mod pollers;
mod principal;
mod problems;
mod proxies;
mod refusals;
mod registry;
mod repair;
mod retention;
mod runs;
mod schedule;
mod scheduler;
mod service;
mod sessions;
mod settings;
mod sign_in;
mod storage;
mod token;
mod uploads;
mod user;
mod waiting;
mod welcome;

use std::{env, process::ExitCode};

use easysight_daemon::logging;
use easysight_settings::SettingsError;

use settings::MasterSettings;

/// Requests and runs allocate in bursts on many threads. The system's allocator is slower than mimalloc in this case,
/// and keeps hundreds of megabytes after a run over many cameras.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code if the master or a subcommand fails.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return code;
    }
    let command = user::command(token::command(clap::Command::new("easysight-master")));
    let (settings, invocation) = match MasterSettings::read(command, env::args_os(), env::vars_os()) {
        Ok(read) => read,
        Err(SettingsError::CommandLine(error)) => error.exit(),
        Err(error) => return refuse(&error),
    };
    if invocation.print_config {
        print!("{}", invocation.resolved.render());
        for warning in invocation.resolved.warnings() {
            eprintln!("easysight-master: warning: {warning}");
        }
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the runtime cannot be started: {error}")),
    };
    if let Some((name, matches)) = &invocation.subcommand {
        let carried_out = match name.as_str() {
            "token" => runtime.block_on(token::run(&settings, matches)),
            "user" => runtime.block_on(user::run(&settings, matches)),
            other => Err(anyhow::anyhow!("there is no command `{other}`")),
        };
        return match carried_out {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&format!("{error:#}")),
        };
    }
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
    runtime.shutdown_background();
    ended
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("easysight-master: {error}");
    ExitCode::from(EXIT_USAGE)
}
