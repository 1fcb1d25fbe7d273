-- What was measured: a row for each camera and UTC day (days since 1970) has all checks that were captured on it, as
-- compressed columns.
CREATE TABLE measurements (
    camera_id TEXT NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    format INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (camera_id, day)
);
CREATE INDEX measurements_by_day ON measurements (day);

-- How far reports are folded into measurements, in the only row: all reports before `done_to`; and while a pass is
-- under way, also those before `pass_to` of the cameras before `camera_id`, and those up to `report_id` of this camera.
CREATE TABLE folding (
    done_to TEXT NOT NULL,
    pass_to TEXT,
    camera_id TEXT NOT NULL,
    report_id TEXT NOT NULL
);
INSERT INTO folding (done_to, pass_to, camera_id, report_id) VALUES ('', NULL, '', '');
