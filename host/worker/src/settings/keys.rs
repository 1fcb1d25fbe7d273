//! The worker's keys: flags, variables, defaults and meanings. The flags, the environment variables, the configuration
//! file, the help and `--print-config` are all derived from this table.

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

/// The default address on which a worker listens.
pub(super) const LISTEN: &str = "127.0.0.1:8001";

/// All keys, in the order of the documentation.
pub(super) const KEYS: &[Key] = &[
    key(
        "mode",
        "WORKER_MODE",
        "MODE",
        Some("distributed"),
        "distributed: lease jobs from a master; standalone: accept submissions over HTTP",
    ),
    key(
        "node-id",
        "WORKER_NODE_ID",
        "ID",
        None,
        "Identity across restarts; if it is not set, it is created once and kept in the data directory",
    ),
    key("node-name", "WORKER_NODE_NAME", "NAME", Some("worker-node"), "Name for people"),
    Key {
        flag: "pool-size",
        env: "WORKER_WORKER_POOL_SIZE",
        aliases: &["WORKER_POOL_SIZE"],
        value_name: "N",
        default: Some("3"),
        secret: false,
        help: "Number of plugins that run at the same time (executors), 1 to 256",
    },
    key(
        "max-concurrent-tasks",
        "WORKER_MAX_CONCURRENT_TASKS",
        "N",
        Some("3"),
        "Jobs in flight per executor, 1 to 64: while one computes, others capture",
    ),
    key("master-host", "WORKER_MASTER_HOST", "HOST", Some("localhost"), "The master's host"),
    key("master-port", "WORKER_MASTER_PORT", "PORT", Some("8000"), "The master's port"),
    key(
        "master-url",
        "WORKER_MASTER_URL",
        "URL",
        None,
        "The master's address instead of host and port, for https or a path prefix",
    ),
    key(
        "master-ca",
        "WORKER_MASTER_CA",
        "FILE",
        None,
        "PEM file of the private certificate authority that signed the master's certificate",
    ),
    Key {
        flag: "api-token",
        env: "WORKER_API_TOKEN",
        aliases: &[],
        value_name: "TOKEN",
        default: None,
        secret: true,
        help: "Bearer token, sent to the master and required from clients that submit; WORKER_API_TOKEN_FILE names a file with it",
    },
    key(
        "plugins-dir",
        "WORKER_PLUGINS_DIR",
        "DIR",
        None,
        "Directory of plugins (.wasm components) [default: plugins in the data directory]",
    ),
    key(
        "data-dir",
        "WORKER_DATA_DIR",
        "DIR",
        None,
        "Directory of the identity, uploads and compiled plugins [default: the user's or the service's state directory]",
    ),
    key(
        "listen",
        "WORKER_LISTEN",
        "ADDR",
        Some(LISTEN),
        "Address and port of the HTTP API, health and metrics; if it is not set and the port is taken, a distributed worker uses a free one",
    ),
    key("labels", "WORKER_LABELS", "k=v,…", None, "Labels for routing: a task may require them"),
    key("log-level", "WORKER_LOG_LEVEL", "LEVEL", Some("INFO"), "ERROR, WARN, INFO, DEBUG or TRACE"),
    key("log-file", "WORKER_LOG_FILE", "FILE", None, "Log file, rotated daily [default: standard error]"),
    key("log-format", "WORKER_LOG_FORMAT", "FORMAT", Some("text"), "text or json"),
    key(
        "otlp-endpoint",
        "WORKER_OTLP_ENDPOINT",
        "URL",
        None,
        "Collector to which traces are exported by OTLP over HTTP, such as http://collector:4318 [default: none]",
    ),
    key(
        "task-poll-interval",
        "WORKER_TASK_POLL_INTERVAL",
        "S",
        Some("5"),
        "Longest wait of one long poll in seconds, 0.1 to 3600",
    ),
    key(
        "heartbeat-interval",
        "WORKER_HEARTBEAT_INTERVAL",
        "S",
        Some("30"),
        "Seconds between heartbeats, 0.1 to 3600",
    ),
    key(
        "fuel",
        "WORKER_FUEL",
        "N",
        Some("2000000000"),
        "Fuel of one run of a plugin (instructions plus transferred bytes), at least 1000000; suffixes: k, M, G",
    ),
    key(
        "memory-limit",
        "WORKER_MEMORY_LIMIT",
        "BYTES",
        Some("256MiB"),
        "Memory limit of one run of a plugin, 1MiB to 4GiB",
    ),
    key(
        "plugin-timeout",
        "WORKER_PLUGIN_TIMEOUT",
        "MS",
        Some("10000"),
        "Time limit of one run of a plugin in milliseconds of wall-clock time, 10 to 600000",
    ),
    key(
        "trusted-keys",
        "WORKER_TRUSTED_KEYS",
        "FILE",
        None,
        "Run only plugins that are signed with a key in this file",
    ),
    key(
        "file-sources",
        "WORKER_FILE_SOURCES",
        "MODE",
        Some("auto"),
        "Whether submissions may name files of this machine: allow, deny, or auto (only while listening on loopback)",
    ),
    key(
        "queue-capacity",
        "WORKER_QUEUE_CAPACITY",
        "N",
        Some("64"),
        "Submissions that may wait before new ones are refused, 1 to 100000",
    ),
    key("max-upload", "WORKER_MAX_UPLOAD", "BYTES", Some("64MiB"), "Largest upload, 1KiB to 4GiB"),
    key(
        "spool-limit",
        "WORKER_SPOOL_LIMIT",
        "BYTES",
        Some("256MiB"),
        "Limit of the results on disk that wait for a master, 1MiB to 1TiB; the oldest are dropped first",
    ),
    key(
        "drain-timeout",
        "WORKER_DRAIN_TIMEOUT",
        "S",
        Some("25"),
        "Seconds that running jobs have to finish when the worker is stopped, 0 to 3600",
    ),
    key("ffmpeg", "WORKER_FFMPEG", "PROGRAM", Some("ffmpeg"), "The ffmpeg program"),
    key(
        "capture-memory",
        "WORKER_CAPTURE_MEMORY",
        "BYTES",
        Some("1536MiB"),
        "Memory of the ffmpeg process of one capture, 512MiB to 64GiB; pictures that need more are not judged",
    ),
    key(
        "capture-timeout",
        "WORKER_CAPTURE_TIMEOUT",
        "S",
        Some("30"),
        "Seconds that one capture may take in addition to the duration of its video, 1 to 600",
    ),
    key(
        "rtsp-transport",
        "WORKER_RTSP_TRANSPORT",
        "WAY",
        Some("auto"),
        "How video is requested over RTSP: tcp, udp, or auto (over TCP, and over UDP if a camera refuses TCP)",
    ),
    key(
        "connect-timeout",
        "WORKER_CONNECT_TIMEOUT",
        "S",
        Some("10"),
        "Longest time in seconds without an answer or data from a camera, 0.1 to 120",
    ),
];
