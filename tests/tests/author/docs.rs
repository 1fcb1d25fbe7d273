//! Runs every command in the documents for plugin authors. The commands of a document are its code blocks that are
//! marked `sh`. They run one after the other, in an empty folder or in a folder that contains a plugin.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use crate::{
    programs::{has_ffmpeg, plugins, program},
    terminal::{as_author, text},
};

/// The names of the documents, which exist in both languages.
const DOCUMENTS: [&str; 6] =
    ["contract", "limits", "signing", "testing-a-plugin", "trying-a-plugin", "writing-a-plugin"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// Returns the content of all blocks that are marked `sh`.
fn commands(document: &str) -> String {
    let text = fs::read_to_string(docs().join(document)).unwrap();
    let mut commands = String::new();
    let mut within = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => within = true,
            "```" => within = false,
            _ if within => commands.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(!commands.is_empty(), "{document} has no commands");
    commands
}

/// Runs the commands of a document as a person would type them.
fn run(document: &str) {
    if has_ffmpeg() {
        run_in(tempfile::tempdir().unwrap().path(), document, "http://127.0.0.1:9");
    }
}

/// Runs the commands of a document in an existing folder, with a master.
fn run_in(home: &Path, document: &str, master: &str) {
    let bin = PathBuf::from(program("easysight").get_program()).canonicalize().unwrap();
    let path = env::join_paths(
        [bin.parent().unwrap().to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let mut bash = Command::new("bash");
    as_author(&mut bash).current_dir(home).env("PATH", path.unwrap()).env("EASYSIGHT_MASTER", master);
    let output = bash.args(["-euxo", "pipefail", "-c", &commands(document)]).output().unwrap();
    assert!(output.status.success(), "{document}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

/// The document begins with a new plugin and ends with the findings of a fleet of one node.
#[test]
fn the_commands_of_writing_a_plugin_run() {
    if !has_ffmpeg() {
        return;
    }
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let master = Master::start(&data.path().join("master"));
    let mut worker = program("easysight-worker");
    worker.args(["--master-url", &master.url, "--listen", "127.0.0.1:0", "--data-dir"]);
    let _worker = Node(worker.arg(data.path().join("worker")).stderr(Stdio::null()).spawn().unwrap());
    run_in(home.path(), "writing-a-plugin.md", &master.url);
    let show = ["show", "lens_flare", "--format", "json", "--master", &master.url];
    let shown = crate::terminal::answer(home.path(), &show).1.stdout;
    let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["usage"]["used"]["runs"], 1, "{shown}");
}

#[test]
fn the_commands_of_testing_a_plugin_run() {
    run("testing-a-plugin.md");
}

#[test]
fn the_commands_of_the_contract_run() {
    run("contract.md");
}

#[test]
fn the_commands_of_the_limits_run() {
    run("limits.md");
}

/// A master that is killed when the test ends.
struct Master {
    process: Child,
    log: BufReader<ChildStderr>,
    url: String,
}

impl Master {
    fn start(data: &Path) -> Self {
        let mut command = program("easysight-master");
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let from = said.len();
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "the master ended: {said}");
            if let Some((_, url)) = said[from..].split_once(": listening on ") {
                break url.trim().to_owned();
            }
        };
        Self { process, log, url }
    }

    /// Kills the master and returns the rest of its log.
    fn stop(mut self) -> String {
        self.process.kill().unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A worker that is killed when the test ends.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_commands_of_signing_run_and_the_signature_reaches_the_master() {
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::copy(plugins().join("brightness.wasm"), home.path().join("brightness.wasm")).unwrap();
    let master = Master::start(data.path());
    run_in(home.path(), "signing.md", &master.url);
    let listed = crate::terminal::plugin(home.path(), &["list", "--master", &master.url]).output().unwrap();
    let listed = text(&listed.stdout);
    let verified = text(&crate::terminal::answer(home.path(), &["verify", "brightness.wasm"]).1.stdout);
    let (_, id) = verified.trim().split_once("signed by the key ").unwrap_or_else(|| panic!("{verified}"));
    let log = master.stop();
    assert!(listed.contains(id), "{verified}\n{listed}\n{log}");
}

#[test]
fn the_commands_of_trying_a_version_run_and_it_serves_in_the_end() {
    if !has_ffmpeg() {
        return;
    }
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let master = Master::start(data.path());
    run_in(home.path(), "trying-a-plugin.md", &master.url);
    let list = ["list", "--format", "json", "--master", &master.url];
    let listed = crate::terminal::answer(home.path(), &list).1.stdout;
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    let of = |version: &str| {
        let plugins = listed.as_array().unwrap().iter();
        plugins.filter(|one| one["version"] == version).map(|one| one["active_for"].clone()).next().unwrap()
    };
    // The document ends with a rollback to the first version.
    assert_eq!((of("0.1.0"), of("0.2.0")), (serde_json::json!(["lens_flare"]), serde_json::json!([])));
}

#[test]
fn both_languages_tell_the_same_commands() {
    for document in DOCUMENTS {
        let said = |page: &str| commands(page).lines().map(uncommented).collect::<Vec<_>>().join("\n");
        assert_eq!(said(&format!("{document}.md")), said(&format!("{document}.zh-CN.md")), "{document}");
    }
}

/// Removes the comment of a command, because comments differ between the languages.
fn uncommented(line: &str) -> String {
    line.split(" # ").next().unwrap_or_default().trim_end().to_owned()
}

/// Checks that every linked page and heading exists.
#[test]
fn links_between_the_documents_lead_somewhere() {
    for document in DOCUMENTS.iter().flat_map(|name| [format!("{name}.md"), format!("{name}.zh-CN.md")]) {
        let text = fs::read_to_string(docs().join(&document)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (page, heading) = link.split_once('#').unwrap_or((link, ""));
            let page = docs().join(if page.is_empty() { &document } else { page });
            assert!(page.exists(), "{document}: {link}");
            let is_there = || fs::read_to_string(&page).unwrap().lines().any(|line| anchor(line) == heading);
            assert!(heading.is_empty() || is_there(), "{document}: {link}");
        }
    }
}

/// Returns the anchor of a heading, as links name it.
fn anchor(line: &str) -> String {
    let words = line.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
