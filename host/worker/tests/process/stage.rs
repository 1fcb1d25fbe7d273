//! The surroundings of a worker: directories, plugins, clips, silent cameras.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use easysight_trust::SecretKey;
use tempfile::TempDir;

use crate::{
    component::{HONEST, guest_named},
    master::Master,
    worker::Worker,
};

/// Loops until it is stopped.
pub(crate) const ENDLESS: &str = "(loop $again (br $again)) (unreachable)";
/// Allocates memory until there is no more.
const GREEDY: &str = "(loop $again (drop (memory.grow (i32.const 64))) (br $again)) (unreachable)";

pub(crate) fn honest() -> Vec<u8> {
    guest_named("honestly", "plain", "", "", HONEST)
}

pub(crate) fn endless() -> Vec<u8> {
    guest_named("endlessl", "plain", "", "", ENDLESS)
}

pub(crate) fn greedy() -> Vec<u8> {
    guest_named("greedily", "plain", "", "", GREEDY)
}

/// The surroundings of one worker.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) master: Master,
    pub(crate) other_master: Master,
    /// A camera that accepts connections and never answers.
    pub(crate) camera: TcpListener,
    environment: Vec<(String, String)>,
}

impl Stage {
    /// Makes a stage with these settings. In their values, `{dir}` stands for a directory, `{master}` and
    /// `{other}` for the ports of two masters.
    pub(crate) async fn new(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (master, other_master) = (Master::start().await, Master::start().await);
        let camera = TcpListener::bind("127.0.0.1:0").unwrap();
        fs::create_dir(dir.path().join("plugins")).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        fs::write(dir.path().join("token"), "from-the-file").unwrap();
        let key = SecretKey::generate().unwrap().public();
        fs::write(dir.path().join("keys"), format!("{key}\n")).unwrap();
        for data in ["data", "other-data"] {
            share_compiled_code(&dir.path().join(data));
        }
        let mut environment: Vec<_> = [
            ("WORKER_LISTEN", "127.0.0.1:0"),
            ("WORKER_DATA_DIR", "{dir}/data"),
            ("WORKER_PLUGINS_DIR", "{dir}/plugins"),
        ]
        .into();
        // If a setting occurs twice, the last value is used.
        environment.extend(settings);
        let in_place = |value: &str| {
            let value = value.replace("{dir}", dir.path().to_str().unwrap());
            let value = value.replace("{master}", &master.port.to_string());
            value.replace("{other}", &other_master.port.to_string())
        };
        let environment =
            environment.iter().map(|(key, value)| ((*key).to_owned(), in_place(value))).collect();
        Self { dir, master, other_master, camera, environment }
    }

    /// Copies a plugin into the worker's plugins directory.
    pub(crate) fn install(&self, name: &str, component: &[u8]) {
        fs::write(self.dir.path().join("plugins").join(name).with_extension("wasm"), component).unwrap();
    }

    /// Starts the worker.
    pub(crate) fn worker(&self) -> Worker {
        Worker::start(&self.environment)
    }

    /// Starts the worker with further settings.
    pub(crate) fn worker_with(&self, more: &[(&str, &str)]) -> Worker {
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Worker::start(&self.environment.iter().cloned().chain(more).collect::<Vec<_>>())
    }

    /// Returns the address of the silent camera.
    pub(crate) fn camera(&self) -> String {
        format!("http://{}/", self.camera.local_addr().unwrap())
    }

    /// Makes a picture of this size and returns its path.
    pub(crate) fn picture(&self, size: &str) -> String {
        let file = self.dir.path().join("picture.jpg");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", &format!("color=gray:size={size}")]);
        ffmpeg.args(["-frames:v", "1", "-pix_fmt", "yuvj444p"]);
        assert!(ffmpeg.arg(&file).stdin(Stdio::null()).status().unwrap().success());
        file.display().to_string()
    }
}

/// Lets the workers of these tests share compiled plugins, because all of them run the same plugins.
fn share_compiled_code(data: &Path) {
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    fs::create_dir_all(&compiled).unwrap();
    fs::create_dir(data).unwrap();
    symlink(compiled, data.join("compiled")).unwrap();
}

/// Returns false and prints a message if ffmpeg is missing.
pub(crate) fn has_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "ffmpeg is not installed");
        eprintln!("SKIPPED: ffmpeg is not installed");
    }
    there
}
