-- Times are milliseconds since 1970, documents are JSON, ids of runs, jobs and findings sort by time
-- and are compared by their bytes, whatever the locale of the database.

CREATE TABLE cameras (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    source TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    labels TEXT NOT NULL,
    group_names TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    status TEXT,
    checked_at BIGINT
);

CREATE TABLE camera_groups (
    name TEXT COLLATE "C" NOT NULL,
    camera_id TEXT COLLATE "C" NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    PRIMARY KEY (name, camera_id)
);
CREATE INDEX camera_groups_by_camera ON camera_groups (camera_id);

CREATE TABLE tasks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    next_run_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX tasks_due ON tasks (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE runs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    task_id TEXT COLLATE "C",
    started_by TEXT NOT NULL,
    fire_time BIGINT,
    idempotency_key TEXT,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL,
    definition TEXT NOT NULL,
    plan TEXT,
    waits_for TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    deadline_at BIGINT
);
-- A due task fires once, however many masters see it; a repeated request makes no second run.
CREATE UNIQUE INDEX runs_fire_once ON runs (task_id, fire_time) WHERE fire_time IS NOT NULL;
CREATE UNIQUE INDEX runs_requested_once ON runs (task_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_task ON runs (task_id, id);
CREATE INDEX runs_open ON runs (state, id) WHERE state IN ('waiting', 'running');

CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C",
    camera_id TEXT COLLATE "C",
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL,
    required TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    lease TEXT,
    node_id TEXT,
    incarnation TEXT,
    poll BIGINT,
    leased_until BIGINT,
    not_before BIGINT NOT NULL,
    deadline_at BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    decode_ms DOUBLE PRECISION,
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
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C",
    camera_id TEXT COLLATE "C",
    node_id TEXT,
    diagnosis TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX findings_once ON findings (job_id, diagnosis);
CREATE INDEX findings_by_run ON findings (run_id, id);
CREATE INDEX findings_by_camera ON findings (camera_id, id);

CREATE TABLE plugins (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    version TEXT NOT NULL,
    document TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    UNIQUE (name, version)
);

-- The history of each diagnosis; the highest sequence counts.
CREATE TABLE activations (
    diagnosis TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    digest TEXT COLLATE "C",
    activated_at BIGINT NOT NULL,
    PRIMARY KEY (diagnosis, sequence)
);

CREATE TABLE nodes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation TEXT NOT NULL,
    registered BIGINT NOT NULL,
    document TEXT NOT NULL,
    totals TEXT NOT NULL,
    draining BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    last_heartbeat BIGINT NOT NULL,
    last_poll_at BIGINT,
    clock_offset_ms BIGINT NOT NULL
);

CREATE TABLE tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    scope TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE leaders (
    role TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
