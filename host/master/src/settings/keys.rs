//! The master's settings: flags, variables, defaults and meanings.

use easysight_settings::Key;

const fn key(
    flag: &'static str,
    env: &'static str,
    value_name: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Key {
    Key { flag, env, aliases: &[], value_name, default, secret: false, help }
}

/// All keys, in the order of the documentation.
pub(super) const KEYS: &[Key] = &[
    key(
        "listen",
        "MASTER_LISTEN",
        "ADDR",
        Some("127.0.0.1:8000"),
        "Address and port of the HTTP API; if not loopback, a user or a token is required (easysight-master user create)",
    ),
    key(
        "data-dir",
        "MASTER_DATA_DIR",
        "DIR",
        None,
        "Directory of the database, and of plugins, uploads and pictures unless --blob-url is set \
         [default: the user's or the service's state directory]",
    ),
    Key {
        flag: "database-url",
        env: "MASTER_DATABASE_URL",
        aliases: &[],
        value_name: "URL",
        default: None,
        secret: true,
        help: "sqlite:///path or postgres://user:password@host/database?sslmode=verify-full&sslrootcert=ca.pem [default: SQLite in the data directory]",
    },
    key(
        "blob-url",
        "MASTER_BLOB_URL",
        "URL",
        None,
        "Directory of plugins, uploads and pictures: file:///path; masters that share a database must also share \
         this directory [default: the data directory]",
    ),
    key(
        "max-upload",
        "MASTER_MAX_UPLOAD",
        "BYTES",
        Some("64MiB"),
        "Largest upload of a submission, 1KiB to 4GiB",
    ),
    key(
        "trusted-keys",
        "MASTER_TRUSTED_KEYS",
        "FILE",
        None,
        "Publish and use only plugins that are signed with a key in this file; each line is a key, as \
         `easysight plugin keygen` prints it",
    ),
    key("tls-cert", "MASTER_TLS_CERT", "FILE", None, "PEM file with the certificate chain; enables HTTPS"),
    key("tls-key", "MASTER_TLS_KEY", "FILE", None, "PEM file with the certificate's private key"),
    key(
        "trusted-proxies",
        "MASTER_TRUSTED_PROXIES",
        "LIST",
        None,
        "Addresses of reverse proxies in front of the master, such as 10.0.0.5,10.1.0.0/16; only these may name the \
         client's address in X-Forwarded-For [default: none]",
    ),
    key(
        "session-idle-hours",
        "MASTER_SESSION_IDLE_HOURS",
        "N",
        Some("12"),
        "Hours without a request after which the session of a user ends, 1 to 8760",
    ),
    key(
        "session-days",
        "MASTER_SESSION_DAYS",
        "N",
        Some("7"),
        "Days after which the session of a user ends even if it is in use, 1 to 365",
    ),
    key(
        "lease-time",
        "MASTER_LEASE_TIME",
        "S",
        Some("8"),
        "Seconds without a heartbeat after which a node's jobs are offered to other nodes, 1 to 3600",
    ),
    key(
        "retention-days",
        "MASTER_RETENTION_DAYS",
        "N",
        Some("30"),
        "Days that findings and ended runs are kept, 1 to 36500",
    ),
    key(
        "audit-days",
        "MASTER_AUDIT_DAYS",
        "N",
        Some("400"),
        "Days that entries of the audit log are kept, 1 to 36500",
    ),
    key(
        "picture-limit",
        "MASTER_PICTURE_LIMIT",
        "BYTES",
        Some("4GiB"),
        "Largest total size of all pictures, 1MiB to 1PiB; the oldest are removed first. No picture is kept longer \
         than findings, except the last good picture of each camera",
    ),
    key(
        "good-picture-hours",
        "MASTER_GOOD_PICTURE_HOURS",
        "N",
        Some("6"),
        "Hours after which a new picture of a healthy camera replaces its last good picture, 1 to 8760; \
         0: no good pictures are stored",
    ),
    key(
        "max-findings",
        "MASTER_MAX_FINDINGS",
        "N",
        Some("10000000"),
        "Largest number of findings that are kept, from 1000; the oldest are removed first",
    ),
    key(
        "measurements-days",
        "MASTER_MEASUREMENTS_DAYS",
        "N",
        Some("400"),
        "Days that measurements (the metrics and statuses of each check, for charts) are kept, 1 to 36500",
    ),
    key(
        "drain-timeout",
        "MASTER_DRAIN_TIMEOUT",
        "S",
        Some("10"),
        "Seconds that requests have to finish when the master is stopped, 0 to 3600",
    ),
    key("log-level", "MASTER_LOG_LEVEL", "LEVEL", Some("INFO"), "ERROR, WARN, INFO, DEBUG or TRACE"),
    key("log-file", "MASTER_LOG_FILE", "FILE", None, "Log file, rotated daily [default: standard error]"),
    key("log-format", "MASTER_LOG_FORMAT", "FORMAT", Some("text"), "text or json"),
    key(
        "otlp-endpoint",
        "MASTER_OTLP_ENDPOINT",
        "URL",
        None,
        "Collector to which traces are exported by OTLP over HTTP, such as http://collector:4318 [default: none]",
    ),
];
