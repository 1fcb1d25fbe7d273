//! `cargo xtask test`: checks everything that must hold before a change is merged. It runs all steps even if an
//! early one fails, and its last line counts the results.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, anyhow, bail};

use crate::{
    browser, console, languages, packages, plugins,
    process::{command, fresh_cargo, is_there, output},
    workspace,
};

/// The programs that the tests start: a decoder, a real RTSP server, reverse proxies, a database server, and
/// OpenSSL for a private certificate authority.
const PACKAGES: &[&str] = &[
    "ffmpeg",
    "haproxy",
    "nginx-light",
    "openssl",
    "postgresql",
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-rtsp",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose names contain this text.
    filter: Option<String>,
    /// Also test the console in a browser.
    #[arg(long)]
    browser: bool,
}

/// The results of steps.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// The number of lines that are kept of what a step of tests prints.
const LAST_LINES: usize = 80;

/// The results of the steps that have run.
struct Steps {
    count: Count,
    failed: Vec<Failed>,
}

/// A step that has failed.
struct Failed {
    name: String,
    /// The last lines that the step printed, if they are known. Test runners print their failures there.
    lines: VecDeque<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !packages::is_debian() {
        eprintln!(
            "NOT ON DEBIAN: tests that need ffmpeg or GStreamer's RTSP server are skipped if those are missing"
        );
    } else if let Err(error) = packages::install(PACKAGES) {
        eprintln!("TESTS WILL BE SKIPPED: {error:#}");
    }
    if let Err(error) = languages::prepare() {
        // In continuous integration these tests fail; they are not skipped.
        eprintln!("TESTS OF PLUGINS IN OTHER LANGUAGES WILL BE SKIPPED: {error:#}");
    }
    let dir = plugins::build()?;
    let root = workspace::root();
    let host = host_triple(&root)?;
    let mut steps = Steps { count: Count::default(), failed: Vec::new() };

    if is_there("cargo", "fmt --version") || is_there("rustfmt", "--version") {
        steps.step("format", command("cargo", &root).args(["fmt", "--all", "--check"]));
        steps.step("format of plugins", native(&plugins::workspace_dir()).args(["fmt", "--all", "--check"]));
    } else {
        eprintln!("FORMAT IS NOT CHECKED: rustfmt is missing");
    }
    if is_there("cargo-clippy", "--version") {
        let mut lints = native(&plugins::workspace_dir());
        lints.args(["clippy", "--workspace", "--all-targets", "--target", &host, "--", "-D", "warnings"]);
        steps.step("lints of plugins", &mut lints);
    }
    steps.outcome("built console", console::is_current());
    let node = console::prepare();
    let has_node = node.is_ok();
    match node {
        Ok(()) => steps.outcome("console", console::check()),
        Err(error) if std::env::var_os("CI").is_some() => steps.outcome("console", Err(error)),
        Err(error) => eprintln!("THE CONSOLE IS NOT CHECKED: {error:#}"),
    }
    let compiler = steps.build(&root);

    let filter = arguments.filter.as_slice();
    let mut tests = compiler.cargo(&root, if has_nextest() { &["nextest", "run"] } else { &["test"] });
    tests.env("EASYSIGHT_PLUGINS_DIR", &dir).env("EASYSIGHT_BIN_DIR", workspace::target().join("debug"));
    tests.env("EASYSIGHT_SDK_TOOLS", languages::dir());
    if has_nextest() {
        // If the filter names a test of a plugin, no test here matches.
        let none = if filter.is_empty() { "--no-tests=fail" } else { "--no-tests=pass" };
        tests.args(["--workspace", "--no-fail-fast", none]).args(filter);
    } else {
        tests.args(["--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]).args(filter);
    }
    let before = steps.count.passed;
    steps.tests("tests", &mut tests, filter.is_empty());
    if arguments.browser {
        if packages::is_debian()
            && let Err(error) = packages::install(&[browser::CHROMIUM])
        {
            eprintln!("{error:#}");
        }
        let found = if has_node { browser::find() } else { Err(anyhow!("Node.js is missing")) };
        match found {
            Ok(()) => steps.browser(&dir, arguments.filter.as_deref()),
            Err(error) => steps.outcome("console in a browser", Err(error)),
        }
    }
    let mut tests = native(&plugins::workspace_dir());
    tests.args(["test", "--no-fail-fast", "--target", &host, "--lib"]).args(filter);
    steps.tests("tests of plugins", &mut tests, filter.is_empty());
    match &arguments.filter {
        None => {
            let mut examples = compiler.cargo(&root, &["test"]);
            steps.tests("examples", examples.args(["--doc", "--package", "easysight-sdk"]), true);
        }
        Some(filter) if steps.count.passed == before => {
            steps.fail(&format!("no passed test has `{filter}` in its name"));
        }
        Some(_) => {}
    }

    // Later steps may have printed much. So the failures are printed again where a reader looks first.
    for Failed { name, lines } in steps.failed.iter().filter(|failed| !failed.lines.is_empty()) {
        eprintln!("== {name}: the last lines");
        for line in lines {
            eprintln!("{line}");
        }
    }
    for Failed { name, .. } in &steps.failed {
        eprintln!("failed: {name}");
    }
    let Count { passed, failed } = steps.count;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The compiler of the programs and tests. Clippy's compiler compiles as rustc does, and prints lints too. So with
/// Clippy, nothing is compiled a second time for the lints.
#[derive(Clone, Copy)]
enum Compiler {
    Rustc,
    Clippy,
}

impl Compiler {
    /// Makes a cargo command that uses this compiler for the crates of the workspace.
    fn cargo(self, root: &Path, subcommand: &[&str]) -> Command {
        let mut cargo = command("cargo", root);
        cargo.args(subcommand);
        if let Self::Clippy = self {
            // The setting is passed as an argument, and not in the environment, because tests run cargo as well.
            cargo.args(["--config", r#"build.rustc-workspace-wrapper="clippy-driver""#]);
            // The arguments of Clippy, in the form in which `cargo clippy` passes them.
            cargo.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
        }
        cargo
    }
}

impl Steps {
    /// Builds and lints the programs and tests. Returns the compiler to use from then on, so that nothing is built a
    /// second time.
    fn build(&mut self, root: &Path) -> Compiler {
        const NAME: &str = "programs and tests";
        // Everything is built with one command, so that the code that programs and tests share is built once, not
        // once for each set of features.
        let build = |compiler: Compiler| compiler.cargo(root, &["build", "--workspace", "--bins", "--tests"]);
        if is_there("clippy-driver", "--version") {
            let mut linted = build(Compiler::Clippy);
            let failed = self.count.failed;
            self.step("programs, tests and lints", linted.arg("--keep-going"));
            if self.count.failed == failed {
                return Compiler::Clippy;
            }
        } else {
            eprintln!("LINTS ARE NOT CHECKED: clippy is missing");
        }
        self.step(NAME, &mut build(Compiler::Rustc));
        Compiler::Rustc
    }

    /// Runs a step that passes or fails.
    fn step(&mut self, name: &str, command: &mut Command) {
        eprintln!("== {name}");
        match command.status() {
            Ok(status) if status.success() => self.count.passed += 1,
            Ok(_) => self.fail(name),
            Err(error) => {
                eprintln!("{error}");
                self.fail(name);
            }
        }
    }

    /// Counts a step that has ended.
    fn outcome(&mut self, name: &str, outcome: anyhow::Result<()>) {
        eprintln!("== {name}");
        match outcome {
            Ok(()) => self.count.passed += 1,
            Err(error) => {
                eprintln!("{error:#}");
                self.fail(name);
            }
        }
    }

    /// Runs a step that counts tests. The step itself fails if the command fails without a failed test. The step
    /// also fails if no test passed, unless `has_some` is false because a filter was given.
    fn tests(&mut self, name: &str, command: &mut Command, has_some: bool) {
        eprintln!("== {name}");
        match run_counted(command) {
            Ok(Counted { count, success, lines }) => {
                self.count.passed += count.passed;
                self.count.failed += count.failed;
                if count.failed == 0 && (!success || has_some && count.passed == 0) {
                    self.count.failed += 1;
                } else if count.failed == 0 {
                    return;
                }
                self.failed.push(Failed { name: name.to_owned(), lines });
            }
            Err(error) => {
                eprintln!("{error:#}");
                self.fail(name);
            }
        }
    }

    /// Tests the console in a browser. The programs are built by now. If the filter names no test of the console,
    /// nothing is started.
    fn browser(&mut self, plugins: &Path, filter: Option<&str>) {
        const NAME: &str = "console in a browser";
        if filter.is_some_and(|filter| browser::names(filter).is_ok_and(|names| !names)) {
            return;
        }
        match browser::tests(plugins, filter) {
            Ok(mut tests) => self.tests(NAME, &mut tests, filter.is_none()),
            Err(error) => self.outcome(NAME, Err(error)),
        }
    }

    fn fail(&mut self, name: &str) {
        self.count.failed += 1;
        self.failed.push(Failed { name: name.to_owned(), lines: VecDeque::new() });
    }
}

/// A command of tests that has ended.
struct Counted {
    count: Count,
    success: bool,
    /// The last lines that it printed.
    lines: VecDeque<String>,
}

/// Runs a command with visible output, and adds up the summaries of the test runners.
fn run_counted(command: &mut Command) -> anyhow::Result<Counted> {
    let (reader, writer) = std::io::pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .context("the tests cannot be started")?;
    // The command still holds the writing end of the pipe. This end must be closed, or the output never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut count = Count::default();
    let mut lines = VecDeque::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line).into_owned();
        eprintln!("{line}");
        let of_line = counted(&line);
        count.passed += of_line.passed;
        count.failed += of_line.failed;
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    Ok(Counted { count, success: child.wait()?.success(), lines })
}

/// Parses a summary line of libtest (`test result: …`), nextest (`Summary […] …`) or Vitest (`Tests  …`).
fn counted(line: &str) -> Count {
    let line = without_colours(line);
    // nextest indents the output of a failed test, which may end with a summary of its own.
    let summary = line.trim_start();
    if !line.starts_with("test result:")
        && !summary.starts_with("Summary [")
        && !summary.starts_with("Tests  ")
    {
        return Count::default();
    }
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || ",;|".contains(c)).filter(|w| !w.is_empty()).collect();
    let before = |names: &[&str]| -> u64 {
        let pairs = words.windows(2).filter_map(|pair| match pair {
            [number, name] if names.contains(name) => number.parse::<u64>().ok(),
            _ => None,
        });
        pairs.sum()
    };
    let timed_out = words.windows(3).filter_map(|three| match three {
        [number, "timed", "out"] => number.parse::<u64>().ok(),
        _ => None,
    });
    Count { passed: before(&["passed"]), failed: before(&["failed"]) + timed_out.sum::<u64>() }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

fn has_nextest() -> bool {
    is_there("cargo-nextest", "--version")
}

/// Makes a cargo command for the plugins that builds for this machine, with the toolchain that runs this command.
fn native(dir: &Path) -> Command {
    let mut cargo = fresh_cargo(dir);
    if let Some(toolchain) = workspace::toolchain() {
        cargo.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    cargo
}

fn host_triple(root: &Path) -> anyhow::Result<String> {
    let version = output(command("rustc", root).arg("-vV"))?;
    match version.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc does not report the machine that it runs on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_all_runners_are_counted() {
        let of = |passed, failed| Count { passed, failed };
        assert_eq!(counted("test result: ok. 16 passed; 0 failed; 0 ignored; 0 measured"), of(16, 0));
        assert_eq!(counted("test result: FAILED. 3 passed; 2 failed; 1 ignored"), of(3, 2));
        assert_eq!(counted("     Summary [   1.2s] 45 tests run: 45 passed (2 slow), 0 skipped"), of(45, 0));
        let coloured = "\u{1b}[31m Summary\u{1b}[0m [ 1s] 4 tests run: \u{1b}[1m2\u{1b}[0m passed, 1 failed, 1 timed out, 0 skipped";
        assert_eq!(counted(coloured), of(2, 2));
        assert_eq!(counted("    test result: FAILED. 0 passed; 1 failed; 0 ignored"), of(0, 0));
        assert_eq!(counted("test a_number_of_3 passed ... ok"), of(0, 0));
        assert_eq!(counted("      Tests  1 failed | 33 passed | 2 skipped (36)"), of(33, 1));
        assert_eq!(counted("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[32m34 passed\u{1b}[39m (34)"), of(34, 0));
        assert_eq!(counted(" Test Files  6 passed (6)"), of(0, 0));
    }
}
