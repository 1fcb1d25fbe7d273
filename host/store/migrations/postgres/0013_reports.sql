-- What was found in one job, all findings in one document (JSON, compressed with zstd but for old ones).
CREATE TABLE reports (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C",
    camera_id TEXT COLLATE "C",
    node_id TEXT COLLATE "C",
    captured_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    document BYTEA NOT NULL
);
-- Compressed already.
ALTER TABLE reports ALTER COLUMN document SET STORAGE EXTERNAL;

-- Which diagnoses the findings of a kind of reports are of, one a line; kind 0 stands for any.
CREATE TABLE report_kinds (id BIGINT NOT NULL PRIMARY KEY, diagnoses TEXT NOT NULL);

-- Findings that a person should look at: not normal, or failed.
CREATE TABLE marks (
    report_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    diagnosis TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (report_id, position)
);

WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY id) - 1 AS position, min(id) OVER (PARTITION BY job_id) AS report
    FROM findings
)
INSERT INTO marks (report_id, position, diagnosis, word)
SELECT report, position, diagnosis, status FROM numbered
WHERE status NOT IN ('normal', 'inconclusive', 'unsupported-clip', 'none');

INSERT INTO reports (id, job_id, run_id, task_id, camera_id, node_id, captured_at, recorded_at, kind, findings, document)
SELECT min(id), job_id, min(run_id), min(task_id), min(camera_id), min(node_id), min(created_at), min(created_at), 0, count(*),
       convert_to('[' || string_agg(document, ',' ORDER BY id) || ']', 'UTF8')
FROM findings GROUP BY job_id;
DROP TABLE findings;

CREATE UNIQUE INDEX reports_once ON reports (job_id);
CREATE INDEX reports_by_run ON reports (run_id, id);
CREATE INDEX reports_by_camera ON reports (camera_id, id);
CREATE INDEX reports_by_task ON reports (task_id, id);
CREATE INDEX reports_by_kind ON reports (kind, id);
CREATE INDEX marks_by_word ON marks (word, report_id);
CREATE INDEX marks_by_diagnosis ON marks (diagnosis, word, report_id);

-- What each diagnosis said last of a camera, and when the clip was captured.
ALTER TABLE cameras ADD COLUMN health TEXT;
-- How the jobs of a run that has ended did end.
ALTER TABLE runs ADD COLUMN progress TEXT;
-- The machine of a node, where a heartbeat has told of it since the registration.
ALTER TABLE nodes ADD COLUMN system TEXT;
-- When jobs with these labels were made last.
ALTER TABLE label_sets ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE label_sets SET used_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT);

-- An open job of a run, and the jobs of a poll, are found without reading those that were there before.
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (run_id, id) WHERE state IN ('queued', 'running');
DROP INDEX jobs_held;
CREATE INDEX jobs_held ON jobs (node_id, poll) WHERE state = 'running';
CREATE INDEX runs_ended ON runs (finished_at) WHERE state IN ('finished', 'cancelled');
