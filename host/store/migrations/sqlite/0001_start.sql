-- Times are milliseconds since 1970, documents are JSON, ids of runs, jobs and findings sort by time.

CREATE TABLE cameras (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    labels TEXT NOT NULL,
    group_names TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    status TEXT,
    checked_at INTEGER
);

CREATE TABLE camera_groups (
    name TEXT NOT NULL,
    camera_id TEXT NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    PRIMARY KEY (name, camera_id)
);
CREATE INDEX camera_groups_by_camera ON camera_groups (camera_id);

CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    next_run_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX tasks_due ON tasks (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    task_id TEXT,
    started_by TEXT NOT NULL,
    fire_time INTEGER,
    idempotency_key TEXT,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    definition TEXT NOT NULL,
    plan TEXT,
    waits_for TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    deadline_at INTEGER
);
-- A due task fires once, however many masters see it; a repeated request makes no second run.
CREATE UNIQUE INDEX runs_fire_once ON runs (task_id, fire_time) WHERE fire_time IS NOT NULL;
CREATE UNIQUE INDEX runs_requested_once ON runs (task_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_task ON runs (task_id, id);
CREATE INDEX runs_open ON runs (state, id) WHERE state IN ('waiting', 'running');

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL,
    task_id TEXT,
    camera_id TEXT,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    required TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    lease TEXT,
    node_id TEXT,
    incarnation TEXT,
    poll INTEGER,
    leased_until INTEGER,
    not_before INTEGER NOT NULL,
    deadline_at INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    decode_ms REAL,
    failure TEXT
);
CREATE INDEX jobs_queued ON jobs (required, priority DESC, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (leased_until) WHERE state = 'running';
CREATE INDEX jobs_held ON jobs (node_id) WHERE state = 'running';
CREATE INDEX jobs_by_run ON jobs (run_id, id);
CREATE INDEX jobs_open ON jobs (run_id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE deadline_at IS NOT NULL AND state IN ('queued', 'running');

-- Sets of labels that jobs require, so that a lease looks only at those that its node satisfies.
CREATE TABLE label_sets (required TEXT NOT NULL PRIMARY KEY);

CREATE TABLE findings (
    id TEXT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task_id TEXT,
    camera_id TEXT,
    node_id TEXT,
    diagnosis TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX findings_once ON findings (job_id, diagnosis);
CREATE INDEX findings_by_run ON findings (run_id, id);
CREATE INDEX findings_by_camera ON findings (camera_id, id);

CREATE TABLE plugins (
    digest TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    document TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    UNIQUE (name, version)
);

-- The history of each diagnosis; the highest sequence counts.
CREATE TABLE activations (
    diagnosis TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT,
    activated_at INTEGER NOT NULL,
    PRIMARY KEY (diagnosis, sequence)
);

CREATE TABLE nodes (
    id TEXT NOT NULL PRIMARY KEY,
    incarnation TEXT NOT NULL,
    registered INTEGER NOT NULL,
    document TEXT NOT NULL,
    totals TEXT NOT NULL,
    draining INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    last_heartbeat INTEGER NOT NULL,
    last_poll_at INTEGER,
    clock_offset_ms INTEGER NOT NULL
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
);

CREATE TABLE leaders (
    role TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until INTEGER NOT NULL
);
