//! The master's settings: names, allowed values, and conflicts between them.

mod keys;

use std::{env, ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use easysight_daemon::{
    logging::{LogConfig, parse_format, parse_level},
    telemetry::{TraceConfig, parse_endpoint},
};
use easysight_protocol::StorageRetention;
use easysight_settings::{Invocation, Resolved, SettingsError, bytes, number_in, read, seconds_in};

use keys::KEYS;

use crate::{proxies::Proxies, sessions::Lifetimes};

/// The files of the TLS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// All settings of a master.
#[derive(Debug, Clone)]
pub(crate) struct MasterSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    /// The URL of the database. None if the database is a file in the data directory.
    pub(crate) database_url: Option<String>,
    /// The directory of plugins, pictures and uploads.
    pub(crate) blob_dir: PathBuf,
    pub(crate) max_upload: u64,
    /// The file of trusted keys. None if plugins need no signature.
    pub(crate) trusted_keys: Option<PathBuf>,
    pub(crate) tls: Option<TlsFiles>,
    /// The proxies that may name the client's address.
    pub(crate) trusted_proxies: Proxies,
    pub(crate) sessions: Lifetimes,
    pub(crate) lease: Duration,
    pub(crate) retention: Duration,
    /// The age at which entries of the audit log are removed.
    pub(crate) audit_age: Duration,
    pub(crate) picture_limit: u64,
    /// The age at which a camera's last good picture is replaced. None if no good pictures are requested.
    pub(crate) good_picture_ms: Option<i64>,
    pub(crate) max_findings: u64,
    pub(crate) measurements: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) log: LogConfig,
    pub(crate) otlp_endpoint: Option<String>,
}

impl MasterSettings {
    /// Returns what is removed, and when.
    pub(crate) const fn kept(&self) -> StorageRetention {
        const DAY_S: u64 = 86_400;
        StorageRetention {
            finding_days: self.retention.as_secs() / DAY_S,
            max_findings: self.max_findings,
            measurement_days: self.measurements.as_secs() / DAY_S,
            audit_days: self.audit_age.as_secs() / DAY_S,
            max_picture_bytes: self.picture_limit,
        }
    }

    /// Reads the settings from a command line and an environment.
    pub(crate) fn read(
        command: clap::Command,
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Invocation), SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let state_dir = state_dir(&environment);
        let command = command
            .version(env!("CARGO_PKG_VERSION"))
            .about("EasySight's master: cameras, tasks, plugins, and the jobs that workers lease")
            .after_help("Precedence: flag, environment variable, --config file, default.");
        let invocation = read(command, "MASTER_", KEYS, arguments, environment)?;
        let settings = Self::from_resolved(&invocation.resolved, state_dir)?;
        Ok((settings, invocation))
    }

    fn from_resolved(given: &Resolved, state_dir: Option<PathBuf>) -> Result<Self, SettingsError> {
        let path = |text: &str| Ok(PathBuf::from(text));
        let data_dir = given.optional("data-dir", path)?.or(state_dir).ok_or_else(|| {
            SettingsError::Conflict(
                "there is no home directory: set the data directory with --data-dir".into(),
            )
        })?;
        let tls = match (given.optional("tls-cert", path)?, given.optional("tls-key", path)?) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => {
                let detail = "--tls-cert and --tls-key belong together: give both or none";
                return Err(SettingsError::Conflict(detail.into()));
            }
        };
        Ok(Self {
            listen: given.required("listen", |text| {
                text.parse().map_err(|_| {
                    "expected an address and a port, such as 127.0.0.1:8000 or [::1]:8000".into()
                })
            })?,
            database_url: given.optional("database-url", |text| {
                let known = ["sqlite:", "postgres://", "postgresql://"];
                if known.iter().any(|scheme| text.starts_with(scheme)) {
                    Ok(text.to_owned())
                } else {
                    Err("expected sqlite:///path/to/file or postgres://user:password@host/database".into())
                }
            })?,
            blob_dir: given.optional("blob-url", parse_blob_url)?.unwrap_or_else(|| data_dir.clone()),
            max_upload: given.required("max-upload", |text| bytes(text, 1 << 10..=4 << 30))?,
            trusted_keys: given.optional("trusted-keys", path)?,
            tls,
            trusted_proxies: given.optional("trusted-proxies", Proxies::parse)?.unwrap_or_default(),
            sessions: Lifetimes {
                idle_ms: given.required("session-idle-hours", |text| {
                    number_in(text, 1..=8_760).map(|hours: i64| hours * 3_600_000)
                })?,
                longest_ms: given.required("session-days", |text| {
                    number_in(text, 1..=365).map(|days: i64| days * 86_400_000)
                })?,
            },
            lease: given.required("lease-time", |text| seconds_in(text, 1.0..=3600.0))?,
            retention: given.required("retention-days", |text| {
                number_in(text, 1..=36_500).map(|days: u64| Duration::from_secs(days * 86_400))
            })?,
            audit_age: given.required("audit-days", |text| {
                number_in(text, 1..=36_500).map(|days: u64| Duration::from_secs(days * 86_400))
            })?,
            picture_limit: given.required("picture-limit", |text| bytes(text, 1 << 20..=1 << 50))?,
            good_picture_ms: given.required("good-picture-hours", |text| {
                number_in(text, 0..=8_760).map(|hours: i64| (hours > 0).then_some(hours * 3_600_000))
            })?,
            max_findings: given
                .required("max-findings", |text| number_in(text, 1_000..=1_000_000_000_000))?,
            measurements: given.required("measurements-days", |text| {
                number_in(text, 1..=36_500).map(|days: u64| Duration::from_secs(days * 86_400))
            })?,
            drain_timeout: given.required("drain-timeout", |text| seconds_in(text, 0.0..=3600.0))?,
            log: LogConfig {
                level: given.required("log-level", parse_level)?,
                file: given.optional("log-file", path)?,
                format: given.required("log-format", parse_format)?,
            },
            otlp_endpoint: given.optional("otlp-endpoint", parse_endpoint)?,
            data_dir,
        })
    }

    /// Returns the URL of the database.
    pub(crate) fn database(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("master.db").display()))
    }

    /// Returns the settings of the trace export.
    pub(crate) fn traces(&self) -> TraceConfig {
        let (endpoint, instance) = (self.otlp_endpoint.clone(), self.listen.to_string());
        TraceConfig { endpoint, service: "easysight-master", instance }
    }

    /// Returns the duration of a lease in milliseconds.
    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Returns the directory that a `file://` address names.
fn parse_blob_url(text: &str) -> Result<PathBuf, String> {
    let wanted =
        || "expected file:///path/to/a/directory; other kinds of storage are not supported yet".into();
    let url = url::Url::parse(text).map_err(|_| wanted())?;
    match (url.scheme(), url.to_file_path()) {
        ("file", Ok(path)) => Ok(path),
        _ => Err(wanted()),
    }
}

fn state_dir(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let dir = |name: &str| {
        let (_, value) = environment.iter().find(|(key, value)| key == name && !value.is_empty())?;
        Some(PathBuf::from(value))
    };
    let user = || dir("XDG_STATE_HOME").or_else(|| dir("HOME").map(|home| home.join(".local/state")));
    dir("STATE_DIRECTORY").or_else(|| user().map(|state| state.join("easysight/master")))
}
