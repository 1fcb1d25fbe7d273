//! `cargo xtask bench`: measures the costs of the sandbox, of a check of a camera, of dispatching jobs, and of a replay.
//! All builds are optimised.

use std::process::ExitCode;

use crate::{
    packages, plugins, process,
    process::{command, is_there},
    workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark: `sandbox`, `suite`, `checks`, `dispatch` or `replay`.
    #[arg(value_enum, default_value_t = What::Sandbox)]
    what: What,
    /// Arguments of the benchmark. `cargo xtask bench -- --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The sandbox compared with native code, and all plugins compared with decoding the clip.
    Sandbox,
    /// Each standard plugin on a small and a large picture, compared with native code and decoding.
    Suite,
    /// A complete check of a camera, at several sizes and rates, compared with ffmpeg that only decodes.
    Checks,
    /// A master under load: jobs per second, latency, a thousand nodes.
    Dispatch,
    /// A replay of a limit over the stored measurements of a thousand cameras.
    Replay,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.what == What::Replay {
        let mut cargo = command("cargo", &workspace::root());
        cargo.args([
            "run",
            "--release",
            "--package",
            "easysight-bench",
            "--bin",
            "easysight-bench-replay",
            "--",
        ]);
        process::run(cargo.args(&arguments.rest))?;
        return Ok(ExitCode::SUCCESS);
    }
    let plugins = plugins::build()?;
    if arguments.what == What::Dispatch {
        let mut cargo = command("cargo", &workspace::root());
        process::run(cargo.args(["build", "--release", "--package", "easysight-master"]))?;
        let mut cargo = command("cargo", &workspace::root());
        cargo.args([
            "run",
            "--release",
            "--package",
            "easysight-bench",
            "--bin",
            "easysight-bench-dispatch",
            "--",
        ]);
        cargo.arg("--master").arg(workspace::target().join("release").join("easysight-master"));
        process::run(cargo.arg("--plugins-dir").arg(plugins).args(&arguments.rest))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !is_there("ffmpeg", "-version") && packages::is_debian() {
        packages::install(&["ffmpeg"])?;
    }
    let mut cargo = command("cargo", &workspace::root());
    cargo.args(["run", "--release", "--package", "easysight-bench", "--bin", "easysight-bench", "--"]);
    match arguments.what {
        What::Suite => drop(cargo.arg("--suite")),
        What::Checks => drop(cargo.arg("--checks")),
        What::Sandbox | What::Dispatch | What::Replay => {}
    }
    process::run(cargo.arg("--plugins-dir").arg(plugins).args(&arguments.rest))?;
    Ok(ExitCode::SUCCESS)
}
