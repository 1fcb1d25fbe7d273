-- Candidates that stand beside the active plugin of a diagnosis, one a diagnosis.
CREATE TABLE shadows (
    diagnosis TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL REFERENCES plugins (digest) ON DELETE CASCADE,
    since INTEGER NOT NULL
);

-- What candidates found, beside what counted. The document is kept where the verdicts differ.
CREATE TABLE shadow_findings (
    id TEXT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    camera_id TEXT,
    created_at INTEGER NOT NULL,
    active TEXT NOT NULL,
    active_fuel INTEGER NOT NULL,
    active_ms REAL NOT NULL,
    candidate TEXT NOT NULL,
    candidate_fuel INTEGER NOT NULL,
    candidate_ms REAL NOT NULL,
    document TEXT
);
CREATE UNIQUE INDEX shadow_findings_once ON shadow_findings (job_id, digest, diagnosis);
CREATE INDEX shadow_findings_by_digest ON shadow_findings (digest, id);

-- What runs of a plugin used at the most, by day since 1970, UTC.
CREATE TABLE plugin_usage (
    digest TEXT NOT NULL,
    day INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    max_fuel INTEGER NOT NULL,
    max_compute_ms REAL NOT NULL,
    max_memory_bytes INTEGER NOT NULL,
    PRIMARY KEY (digest, day)
);
