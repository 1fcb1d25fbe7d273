-- Candidates that stand beside the active plugin of a diagnosis, one a diagnosis.
CREATE TABLE shadows (
    diagnosis TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL REFERENCES plugins (digest) ON DELETE CASCADE,
    since BIGINT NOT NULL
);

-- What candidates found, beside what counted. The document is kept where the verdicts differ.
CREATE TABLE shadow_findings (
    id TEXT NOT NULL PRIMARY KEY,
    job_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    camera_id TEXT,
    created_at BIGINT NOT NULL,
    active TEXT NOT NULL,
    active_fuel BIGINT NOT NULL,
    active_ms DOUBLE PRECISION NOT NULL,
    candidate TEXT NOT NULL,
    candidate_fuel BIGINT NOT NULL,
    candidate_ms DOUBLE PRECISION NOT NULL,
    document TEXT
);
CREATE UNIQUE INDEX shadow_findings_once ON shadow_findings (job_id, digest, diagnosis);
CREATE INDEX shadow_findings_by_digest ON shadow_findings (digest, id);

-- What runs of a plugin used at the most, by day since 1970, UTC.
CREATE TABLE plugin_usage (
    digest TEXT NOT NULL,
    day BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    max_fuel BIGINT NOT NULL,
    max_compute_ms DOUBLE PRECISION NOT NULL,
    max_memory_bytes BIGINT NOT NULL,
    PRIMARY KEY (digest, day)
);
