//! `cargo xtask bench`: measures the costs of the sandbox, of a check of a camera, of dispatching jobs, and of what
//! the console requests from a master. All builds are optimised.

use std::process::ExitCode;

use crate::{
    browser, console, packages, plugins, process,
    process::{command, is_there},
    workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark: `sandbox`, `suite`, `checks`, `dispatch` or `console`.
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
    /// What the console requests from a master with ten thousand cameras and a month of measurements, replays included.
    Console,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    let (program, mode) = match arguments.what {
        What::Sandbox => ("easysight-bench", None),
        What::Suite => ("easysight-bench", Some("--suite")),
        What::Checks => ("easysight-bench", Some("--checks")),
        What::Dispatch => ("easysight-bench-dispatch", None),
        What::Console => ("easysight-bench-console", None),
    };
    if !is_there("ffmpeg", "-version") && packages::is_debian() {
        packages::install(&["ffmpeg"])?;
    }
    let mut bench = command("cargo", &root);
    bench.args(["run", "--release", "--package", "easysight-bench", "--bin", program, "--"]).args(mode);
    bench.arg("--plugins-dir").arg(plugins::build()?);
    if matches!(arguments.what, What::Dispatch | What::Console) {
        let mut build = command("cargo", &root);
        process::run(build.args(["build", "--release", "--package", "easysight-master"]))?;
        bench.arg("--master").arg(workspace::target().join("release").join("easysight-master"));
    }
    if arguments.what == What::Console {
        // Without a browser, only the master is measured.
        match console::prepare().and_then(|()| browser::find()) {
            Ok(()) => drop(bench.arg("--web").arg(console::sources())),
            Err(error) => eprintln!("THE FIRST VIEW IS NOT MEASURED: {error:#}"),
        }
    }
    process::run(bench.args(&arguments.rest))?;
    Ok(ExitCode::SUCCESS)
}
