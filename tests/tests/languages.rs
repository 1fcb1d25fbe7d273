//! Plugins in Python, JavaScript and C. Each example and each template is built with the real tools and judges
//! real clips. `cargo xtask test` installs the tools. If a tool is missing, the test is skipped with a message. In
//! continuous integration, the test fails instead.

#![cfg(test)]

#[expect(dead_code, reason = "shared with tests of the standard plugins")]
mod programs;

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use programs::{has_ffmpeg, make_clip, program};
use serde_json::Value;
use wit_component::ComponentEncoder;

/// Folders that tools leave next to sources. They are not copied.
const NOT_SOURCES: [&str; 3] = ["build", "node_modules", "__pycache__"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the path of a tool in the folder where `cargo xtask test` installs the tools. Returns None if the tool
/// is missing.
fn tool(path: &str) -> Option<PathBuf> {
    let dir =
        env::var_os("EASYSIGHT_SDK_TOOLS").map_or_else(|| root().join("target/sdk-tools"), PathBuf::from);
    let tool = dir.join(path);
    found(tool.exists(), path).then_some(tool)
}

/// Prints that the test is skipped if a tool is missing. In continuous integration, the test fails instead.
fn found(there: bool, tool: &str) -> bool {
    if !there {
        assert!(env::var_os("CI").is_none(), "{tool} is missing; `cargo xtask test` installs it");
        eprintln!("SKIPPED: {tool} is missing; `cargo xtask test` installs it");
    }
    there
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        if !path.is_dir() {
            fs::copy(&path, to.join(name)).unwrap();
        } else if !NOT_SOURCES.contains(&name.to_str().unwrap()) {
            copy(&path, &to.join(name));
        }
    }
}

/// Makes the folder of a plugin as its author has it, from `sdk/<language>/<source>`: the SDK and the contract are
/// in `vendor/`, and placeholders are filled in.
fn project(language: &str, source: &str, dir: &Path) {
    let sdk = root().join("sdk").join(language);
    let vendor = dir.join("vendor");
    copy(&sdk, &vendor);
    for other in ["examples", "template"] {
        fs::remove_dir_all(vendor.join(other)).unwrap();
    }
    copy(&root().join("wit"), &vendor.join("wit"));
    copy(&sdk.join(source), dir);
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace("{{name}}", "gloom").replace("{{Title}}", "Gloom");
            // Examples import the SDK from its place in the repository.
            fs::write(path, text.replace("'../../easysight.js'", "'./vendor/easysight.js'")).unwrap();
        }
    }
    fs::create_dir_all(dir.join("build")).unwrap();
}

fn succeeds(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// Builds the folder of a plugin. Returns None if the tools are missing.
fn build(language: &str, source: &str, dir: &Path) -> Option<Vec<u8>> {
    project(language, source, dir);
    let made = dir.join("build/made.wasm");
    match language {
        "python" => {
            let words = "-d vendor/wit -w plugin componentize diagnosis -s -p . -p vendor -o build/made.wasm";
            succeeds(
                Command::new(tool("python/bin/componentize-py")?).current_dir(dir).args(words.split(' ')),
            );
        }
        "javascript" => {
            symlink(tool("javascript/node_modules")?, dir.join("node_modules")).unwrap();
            let words = "vendor/build.mjs diagnosis.js build/made.wasm vendor/wit";
            succeeds(Command::new("node").current_dir(dir).args(words.split(' ')));
        }
        "c" => {
            let clang = Command::new("clang-19").arg("--version").stdout(Stdio::null()).status();
            found(clang.is_ok(), "clang-19").then_some(())?;
            // The steps of its Makefile except the last one, which is done below.
            let words = "--target=wasm32-wasi -O3 -msimd128 -mexec-model=reactor -Wall -Wextra -Werror \
                         -Wl,--strip-debug -I. -Ivendor diagnosis.c vendor/easysight.c vendor/settings.c vendor/no_wasi.c \
                         vendor/plugin.c vendor/plugin_component_type.o -o build/made.wasm";
            succeeds(Command::new("clang-19").current_dir(dir).args(words.split_whitespace()));
            let module = fs::read(&made).unwrap();
            fs::write(
                &made,
                ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap(),
            )
            .unwrap();
        }
        other => panic!("{other}"),
    }
    Some(fs::read(made).unwrap())
}

/// A plugin that was built, in a directory of its own, which also contains compiled code and clips.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn of(language: &str, source: &str) -> Option<Self> {
        if !has_ffmpeg() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let component = build(language, source, &dir.path().join("project"))?;
        let plugins = dir.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        fs::write(plugins.join("made.wasm"), component).unwrap();
        Some(Self { dir })
    }

    fn diagnose(&self, clip: &Path, config: &str) -> Output {
        let mut command = program("easysight");
        command.args(["diagnose", "--format", "jsonl", "--config", config, "--plugins-dir"]);
        command.arg(self.dir.path().join("plugins")).arg(clip);
        command.env("XDG_CACHE_HOME", self.dir.path().join("cache")).output().unwrap()
    }

    /// Returns the only finding on a clip that `filter` makes from the test picture.
    fn finding(&self, name: &str, filter: &str, config: &str) -> Value {
        let clip = make_clip(self.dir.path(), &format!("{name}.mp4"), filter);
        let finding = self.finding_on(&clip, config);
        eprintln!("{name}: {finding}");
        finding
    }

    fn finding_on(&self, clip: &Path, config: &str) -> Value {
        let output = self.diagnose(clip, config);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1, "{text}{}", String::from_utf8_lossy(&output.stderr));
        lines.into_iter().next().unwrap()
    }

    /// Checks that the same clip gives the same finding for the same fuel, in a new process and from the cache.
    fn is_deterministic(&self, clip: &str) {
        let clip = self.dir.path().join(format!("{clip}.mp4"));
        let [first, second] = [(), ()].map(|()| {
            let mut finding = self.finding_on(&clip, "{}");
            assert!(finding["fuel"].as_u64().unwrap() > 1_000, "{finding}");
            for time in ["compute_ms", "decode_ms"] {
                finding[time] = Value::Null;
            }
            finding
        });
        assert_eq!(first, second);
    }

    /// Checks that a run with undeclared or out-of-range settings does not start.
    fn refuses(&self, clip: &str, config: &str, said: &str) {
        let output = self.diagnose(&self.dir.path().join(format!("{clip}.mp4")), config);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

fn status(finding: &Value) -> (&str, &str) {
    (finding["status"].as_str().unwrap_or("none"), finding["metric"].as_str().unwrap_or("none"))
}

#[test]
fn python_tells_colour_from_infrared() {
    let Some(bench) = Bench::of("python", "examples/day_night") else { return };
    let by_day = r#"{"day_night": {"expected": "colour"}}"#;
    let colour = bench.finding("colour", "null", by_day);
    assert_eq!(status(&colour), ("normal", "wrong_mode_share"));
    let infrared = bench.finding("infrared", "hue=s=0", by_day);
    assert_eq!(status(&infrared), ("warning", "wrong_mode_share"));
    assert_eq!(infrared["metrics"]["infrared_share"], 1.0);
    let dusk = bench.finding("dusk", "hue=s='gt(mod(t,1),0.5)'", "{}");
    assert_eq!(status(&dusk), ("warning", "switches"));
    bench.is_deterministic("dusk");
    bench.refuses("dusk", r#"{"day_night": {"expcted": "colour"}}"#, "expcted");
    bench.refuses("dusk", r#"{"day_night": {"expected": "green"}}"#, "/day_night/expected");
}

#[test]
fn javascript_sees_light_that_swings() {
    let Some(bench) = Bench::of("javascript", "examples/flicker") else { return };
    assert_eq!(bench.finding("steady", "null", "{}")["status"], "normal");
    let flicker = bench.finding("flicker", "eq=brightness='0.1*sin(2*PI*2*t)':eval=frame", "{}");
    assert_eq!(status(&flicker), ("warning", "swing_amplitude"));
    let rate = flicker["metrics"]["swing_rate"].as_f64().unwrap();
    assert!((1.5..=2.2).contains(&rate), "{rate}");
    // A lamp that is dimmed once does not flicker.
    let dimmed = bench.finding("dimmed", "eq=brightness='-0.1*gt(t,1.5)':eval=frame", "{}");
    assert_eq!(dimmed["status"], "normal");
    bench.is_deterministic("flicker");
    bench.refuses("flicker", r#"{"flicker": {"amplitud": 1}}"#, "amplitud");
    bench.refuses("flicker", r#"{"flicker": {"least_swings": 1}}"#, "/flicker/least_swings");
}

#[test]
fn c_finds_combs_of_woven_fields() {
    let Some(bench) = Bench::of("c", "examples/interlace") else { return };
    assert_eq!(status(&bench.finding("progressive", "null", "{}")), ("normal", "combed_share"));
    let woven = bench.finding("woven", "tinterlace=mode=interleave_top", "{}");
    assert_eq!(status(&woven), ("warning", "combed_share"));
    let still = bench.finding("still", "loop=loop=-1:size=1:start=0,trim=0:2", "{}");
    assert_eq!(still["status"], Value::Null, "{still}");
    bench.is_deterministic("woven");
    bench.refuses("woven", r#"{"interlace": {"contrst": 1}}"#, "contrst");
    bench.refuses("woven", r#"{"interlace": {"contrast": 1}}"#, "/interlace/contrast");
}

#[test]
fn templates_build_and_agree_with_each_other() {
    let mut judged = Vec::new();
    for language in ["c", "javascript", "python"] {
        let Some(bench) = Bench::of(language, "template") else { continue };
        let bright = bench.finding("bright", "null", "{}");
        assert_eq!(
            (bright["diagnosis"].as_str(), status(&bright)),
            (Some("gloom"), ("normal", "dark_share"))
        );
        let dark = bench.finding("dark", "lutyuv=y=16+(val-16)*0.12", "{}");
        assert_eq!(status(&dark), ("warning", "dark_share"), "{language}");
        // The sample configuration is valid. With the configuration of its test case a dark picture is normal.
        let sample = fs::read_to_string(bench.dir.path().join("project/config.json")).unwrap();
        assert_eq!(bench.finding("sample", "null", &sample)["status"], "normal", "{language}");
        let lenient = r#"{"gloom": {"dark_luma": 10, "dark_share": 1}}"#;
        assert_eq!(bench.finding("lenient", "lutyuv=y=16+(val-16)*0.12", lenient)["status"], "normal");
        judged.push([bright, dark].map(|finding| (finding["metrics"].clone(), finding["score"].clone())));
    }
    assert!(judged.windows(2).all(|pair| pair[0] == pair[1]), "{judged:?}");
}
