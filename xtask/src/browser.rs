//! The web console in a browser: `cargo xtask browser` tests it with a real master, a worker and synthetic cameras, and
//! `cargo xtask report screenshots` makes pictures of it. The scripts in `web/` start the programs and the browser.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::bail;

use crate::{
    console, demo, packages, plugins,
    process::{command, is_there, run as run_command},
    workspace,
};

/// Debian's package of the browser, and the name of its program.
pub(crate) const CHROMIUM: &str = "chromium";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose names contain this text.
    filter: Option<String>,
}

/// `cargo xtask browser`: builds what is needed, and runs the tests.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plugins = prepare()?;
    run_command(&mut tests(&plugins, arguments.filter.as_deref())?)?;
    Ok(ExitCode::SUCCESS)
}

/// The arguments of `cargo xtask report screenshots`.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask report screenshots")]
pub(crate) struct Pictures {
    /// The directory for the pictures.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only these pages, such as `overview` or `camera`.
    pages: Vec<String>,
}

/// `cargo xtask report screenshots`: makes pictures of every page, and measures the first view.
pub(crate) fn pictures(arguments: &Pictures) -> anyhow::Result<ExitCode> {
    let plugins = prepare()?;
    let out = arguments.out.clone().unwrap_or_else(|| workspace::target().join("report/screenshots"));
    let clips = demo::clips::gallery()?;
    let mut npm = script("screenshots", &plugins, &clips);
    npm.arg("--out").arg(env::current_dir()?.join(out)).args(&arguments.pages);
    run_command(&mut npm)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the programs, the plugins and the console, and installs the browser. Returns the directory of the plugins.
fn prepare() -> anyhow::Result<PathBuf> {
    if !has_browser() && packages::is_debian() {
        packages::install(&[CHROMIUM])?;
    }
    find()?;
    let plugins = plugins::build()?;
    let mut build = command("cargo", &workspace::root());
    // The same selection as in all other builds, so that nothing is built a second time.
    run_command(build.args(["build", "--workspace", "--bins", "--tests"]))?;
    console::prepare()?;
    console::build_files()?;
    Ok(plugins)
}

/// Returns the command that runs the tests. The programs, the plugins and the console must have been built.
pub(crate) fn tests(plugins: &Path, filter: Option<&str>) -> anyhow::Result<Command> {
    let clips = demo::clips::synthesise()?;
    let mut npm = script("test:browser", plugins, &clips);
    if let Some(filter) = filter {
        npm.args(["--testNamePattern", filter]);
    }
    Ok(npm)
}

/// Checks that the browser is installed.
pub(crate) fn find() -> anyhow::Result<()> {
    if !has_browser() {
        bail!("Chromium is missing: install it, or set CHROMIUM to its path");
    }
    Ok(())
}

fn has_browser() -> bool {
    let given = env::var_os("CHROMIUM").and_then(|path| path.into_string().ok());
    is_there(given.as_deref().unwrap_or(CHROMIUM), "--version")
}

/// True if the name of a test contains the text, so that the tests are worth starting.
pub(crate) fn names(filter: &str) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir(console::sources().join("tests/browser"))? {
        let path = entry?.path();
        let is_test = path.to_string_lossy().ends_with(".test.ts");
        if is_test && std::fs::read_to_string(&path)?.contains(filter) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the command of a script of `web/package.json`, with the paths of what was built.
fn script(name: &str, plugins: &Path, clips: &Path) -> Command {
    let mut npm = command("npm", &console::sources());
    npm.args(["run", "--silent", name, "--"]);
    npm.env("EASYSIGHT_BIN_DIR", workspace::target().join("debug"));
    npm.env("EASYSIGHT_PLUGINS_DIR", plugins).env("EASYSIGHT_CLIPS_DIR", clips);
    npm
}
