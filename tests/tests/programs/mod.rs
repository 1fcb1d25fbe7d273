//! The programs, the plugins and the clips that the tests use.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Returns the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}

/// Returns a command for one of the programs.
pub(crate) fn program(name: &str) -> Command {
    let dir = given("EASYSIGHT_BIN_DIR").unwrap_or_else(|| root().join("target/debug"));
    let program = dir.join(name);
    assert!(program.exists(), "{} is not built; run `cargo xtask test`", program.display());
    let mut command = Command::new(program);
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("WORKER_") || name.starts_with("MASTER_") || name.starts_with("EASYSIGHT_MASTER")
        {
            command.env_remove(variable);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Returns the directory of the standard plugins.
pub(crate) fn plugins() -> PathBuf {
    let dir = given("EASYSIGHT_PLUGINS_DIR").unwrap_or_else(|| root().join("target/plugins"));
    assert!(dir.join("brightness.wasm").exists(), "no plugins in {}; run `cargo xtask test`", dir.display());
    dir
}

/// True if ffmpeg is installed. Otherwise prints that the test is skipped.
pub(crate) fn has_ffmpeg() -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    let there = ffmpeg.arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "ffmpeg is not installed");
        eprintln!("SKIPPED: ffmpeg is not installed");
    }
    there
}

/// Makes a clip: five seconds of a noisy test picture, changed by `filter`.
pub(crate) fn make_clip(dir: &Path, name: &str, filter: &str) -> PathBuf {
    let file = dir.join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=25:duration=5",
        "-vf",
    ]);
    ffmpeg.arg(format!("noise=alls=10:allf=t,{filter}"));
    ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p"]).arg(&file);
    assert!(ffmpeg.stdin(Stdio::null()).status().unwrap().success());
    file
}
