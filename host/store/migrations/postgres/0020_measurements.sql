-- What was measured: a row for each camera and UTC day (days since 1970) has all checks that were captured on it, as
-- compressed columns.
CREATE TABLE measurements (
    camera_id TEXT COLLATE "C" NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    format BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (camera_id, day)
);
-- Compressed already.
ALTER TABLE measurements ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX measurements_by_day ON measurements (day);

-- How far reports are folded into measurements, in the only row: all reports before `done_to`; and while a pass is
-- under way, also those before `pass_to` of the cameras before `camera_id`, and those up to `report_id` of this camera.
CREATE TABLE folding (
    done_to TEXT COLLATE "C" NOT NULL,
    pass_to TEXT COLLATE "C",
    camera_id TEXT COLLATE "C" NOT NULL,
    report_id TEXT COLLATE "C" NOT NULL
);
INSERT INTO folding (done_to, pass_to, camera_id, report_id) VALUES ('', NULL, '', '');
