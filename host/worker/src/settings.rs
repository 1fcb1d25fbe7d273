//! The worker's settings: their names, the values that are allowed, and the settings that contradict each other.

mod keys;

use std::{collections::BTreeMap, env, ffi::OsString, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use easysight_capture::RtspTransport;
use easysight_daemon::{
    logging::{LogConfig, parse_format, parse_level},
    telemetry::{TraceConfig, parse_endpoint},
};
use easysight_protocol::NodeMode;
use easysight_settings::{
    Invocation, Resolved, SettingsError, bytes, count, number_in, read, seconds_in, text_of,
};
use url::Url;

use keys::KEYS;

/// Whether submissions may name files on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSources {
    /// Only if the worker listens on loopback, where no other machine can submit.
    Auto,
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// A string that is never displayed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All settings of a worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) mode: NodeMode,
    pub(crate) node_id: Option<String>,
    pub(crate) node_name: String,
    pub(crate) pool_size: u32,
    pub(crate) max_concurrent_tasks: u32,
    pub(crate) master: String,
    pub(crate) master_ca: Option<PathBuf>,
    pub(crate) api_token: Option<Secret>,
    pub(crate) plugins_dir: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    /// False if the address is the default.
    pub(crate) listen_is_given: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) log: LogConfig,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) task_poll_interval: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) fuel: u64,
    pub(crate) memory_limit: usize,
    pub(crate) plugin_timeout: Duration,
    pub(crate) trusted_keys: Option<PathBuf>,
    pub(crate) file_sources: FileSources,
    pub(crate) queue_capacity: u32,
    pub(crate) max_upload: u64,
    pub(crate) spool_limit: u64,
    pub(crate) drain_timeout: Duration,
    pub(crate) ffmpeg: PathBuf,
    pub(crate) capture_memory: u64,
    pub(crate) capture_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) rtsp_transport: RtspTransport,
}

impl WorkerSettings {
    /// Returns the settings for exporting traces.
    pub(crate) fn traces(&self) -> TraceConfig {
        let (endpoint, instance) = (self.otlp_endpoint.clone(), self.node_name.clone());
        TraceConfig { endpoint, service: "easysight-worker", instance }
    }

    /// Reads the settings from a command line and an environment.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Invocation), SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let state_dir = StateDir::of(&environment);
        let command = clap::Command::new("easysight-worker")
            .version(env!("CARGO_PKG_VERSION"))
            .about("EasySight's worker: runs diagnosis plugins on clips of cameras")
            .after_help("Precedence: flag, environment variable, --config file, default.");
        let invocation = read(command, "WORKER_", KEYS, arguments, environment)?;
        let settings = Self::from_resolved(&invocation.resolved, state_dir)?;
        Ok((settings, invocation))
    }

    fn from_resolved(given: &Resolved, state_dir: Option<StateDir>) -> Result<Self, SettingsError> {
        let path = |text: &str| Ok(PathBuf::from(text));
        let node_name = given
            .required("node-name", |text| text_of(text, 128, |c| !c.is_control(), "no control characters"))?;
        let seconds = |flag, allowed| given.required(flag, |text| seconds_in(text, allowed));
        let data_dir = given
            .optional("data-dir", path)?
            .or(state_dir.map(|dir| dir.for_node(&node_name)))
            .ok_or_else(|| {
                SettingsError::Conflict(
                    "there is no home directory: set the data directory with --data-dir".into(),
                )
            })?;
        let settings = Self {
            mode: given.required("mode", |text| match text {
                "distributed" => Ok(NodeMode::Distributed),
                "standalone" => Ok(NodeMode::Standalone),
                _ => Err("expected distributed or standalone".into()),
            })?,
            node_id: given.optional("node-id", parse_node_id)?,
            node_name,
            pool_size: given.required("pool-size", |text| number_in(text, 1..=256))?,
            max_concurrent_tasks: given.required("max-concurrent-tasks", |text| number_in(text, 1..=64))?,
            master: master(given)?,
            master_ca: given.optional("master-ca", path)?,
            api_token: given.optional("api-token", |text| {
                text_of(text, 4096, |c| c.is_ascii_graphic(), "printable ASCII without spaces").map(Secret)
            })?,
            plugins_dir: given.optional("plugins-dir", path)?.unwrap_or_else(|| data_dir.join("plugins")),
            listen: given.required("listen", |text| {
                text.parse().map_err(|_| {
                    "expected an address and a port, such as 127.0.0.1:8001 or [::1]:8001".into()
                })
            })?,
            listen_is_given: given.text("listen") != Some(keys::LISTEN),
            labels: given.optional("labels", parse_labels)?.unwrap_or_default(),
            log: LogConfig {
                level: given.required("log-level", parse_level)?,
                file: given.optional("log-file", path)?,
                format: given.required("log-format", parse_format)?,
            },
            otlp_endpoint: given.optional("otlp-endpoint", parse_endpoint)?,
            task_poll_interval: seconds("task-poll-interval", 0.1..=3600.0)?,
            heartbeat_interval: seconds("heartbeat-interval", 0.1..=3600.0)?,
            fuel: given.required("fuel", |text| count(text, 1_000_000..=u64::MAX))?,
            memory_limit: given.required("memory-limit", |text| {
                let bytes = bytes(text, 1 << 20..=4 << 30)?;
                usize::try_from(bytes).map_err(|e| e.to_string())
            })?,
            plugin_timeout: given.required("plugin-timeout", |text| {
                number_in(text, 10..=600_000).map(Duration::from_millis)
            })?,
            trusted_keys: given.optional("trusted-keys", path)?,
            file_sources: given.required("file-sources", |text| match text {
                "auto" => Ok(FileSources::Auto),
                "allow" => Ok(FileSources::Allow),
                "deny" => Ok(FileSources::Deny),
                _ => Err("expected auto, allow or deny".into()),
            })?,
            queue_capacity: given.required("queue-capacity", |text| number_in(text, 1..=100_000))?,
            max_upload: given.required("max-upload", |text| bytes(text, 1 << 10..=4 << 30))?,
            spool_limit: given.required("spool-limit", |text| bytes(text, 1 << 20..=1 << 40))?,
            drain_timeout: seconds("drain-timeout", 0.0..=3600.0)?,
            ffmpeg: given.required("ffmpeg", path)?,
            capture_memory: given.required("capture-memory", |text| bytes(text, 512 << 20..=64 << 30))?,
            capture_timeout: seconds("capture-timeout", 1.0..=600.0)?,
            connect_timeout: seconds("connect-timeout", 0.1..=120.0)?,
            rtsp_transport: given.required("rtsp-transport", |text| {
                RtspTransport::named(text).ok_or_else(|| "expected auto, tcp or udp".into())
            })?,
            data_dir,
        };
        if settings.api_token.is_none() && !settings.listen.ip().is_loopback() {
            return Err(SettingsError::Conflict(format!(
                "--listen {} lets other machines connect: set an --api-token, or listen on 127.0.0.1",
                settings.listen
            )));
        }
        Ok(settings)
    }

    /// Returns the directory of uploads. An upload stays there while its job needs it.
    pub(crate) fn uploads_dir(&self) -> PathBuf {
        self.data_dir.join("uploads")
    }

    /// True if submissions may name files on this machine.
    pub(crate) const fn takes_files(&self) -> bool {
        match self.file_sources {
            FileSources::Allow => true,
            FileSources::Deny => false,
            FileSources::Auto => self.listen.ip().is_loopback(),
        }
    }
}

fn parse_node_id(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text_of(text, 128, allowed, "letters, digits, `.`, `_` and `-`")
}

fn parse_labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let one = |label: &str| {
        let wrong = || format!("expected key=value pairs separated by commas, not {label:?}");
        let (key, value) = label.split_once('=').ok_or_else(wrong)?;
        let (key, value) = (key.trim(), value.trim());
        let key_allowed = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        let key = text_of(key, 64, key_allowed, "letters, digits, `.`, `_`, `/` and `-` before the `=`")?;
        Ok((key, text_of(value, 128, |c| !c.is_control(), "after the `=`")?))
    };
    text.split(',').map(one).collect()
}

fn master(given: &Resolved) -> Result<String, SettingsError> {
    let host = given.required("master-host", |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        text_of(text, 253, allowed, "a host name or an address")
    })?;
    let port: u16 = given.required("master-port", |text| number_in(text, 1..=u16::MAX))?;
    let url = given.optional("master-url", |text| {
        let url = Url::parse(text).map_err(|e| format!("expected an http(s):// address: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected an http:// or https:// address".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address must not contain credentials: use --api-token".into());
        }
        Ok(text.to_owned())
    })?;
    match url {
        Some(_) if given.is_given("master-host") || given.is_given("master-port") => {
            let origin = |flag| given.origin(flag).map_or_else(String::new, ToString::to_string);
            let other = if given.is_given("master-host") { "master-host" } else { "master-port" };
            Err(SettingsError::Conflict(format!(
                "the master's address is given twice: {} and {}; one is enough",
                origin("master-url"),
                origin(other)
            )))
        }
        Some(url) => Ok(url),
        None => Ok(format!("http://{host}:{port}")),
    }
}

/// The directory for the worker's state if no setting names one.
enum StateDir {
    /// The directory that systemd gives to this service only.
    Service(PathBuf),
    /// The user's directory, which workers with different names share.
    User(PathBuf),
}

impl StateDir {
    fn of(environment: &[(OsString, OsString)]) -> Option<Self> {
        let dir = |name: &str| {
            let (_, value) = environment.iter().find(|(key, value)| key == name && !value.is_empty())?;
            Some(PathBuf::from(value))
        };
        let user = || dir("XDG_STATE_HOME").or_else(|| dir("HOME").map(|home| home.join(".local/state")));
        dir("STATE_DIRECTORY")
            .map(Self::Service)
            .or_else(|| user().map(|state| Self::User(state.join("easysight"))))
    }

    /// Returns the directory of a worker. Each worker of a user has its own directory, and so its own identity.
    fn for_node(self, name: &str) -> PathBuf {
        match self {
            Self::Service(dir) => dir,
            Self::User(dir) => {
                let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
                let name: String = name.chars().map(plain).collect();
                // A leading `..` would lead out of the directory.
                dir.join(
                    name.trim_start_matches('.').to_owned() + if name.starts_with('.') { "_" } else { "" },
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
