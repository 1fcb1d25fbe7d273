-- The root cause of a camera's status, when the status began, and the evidence pictures of the cause (JSON).
ALTER TABLE cameras ADD COLUMN cause TEXT;
ALTER TABLE cameras ADD COLUMN status_since INTEGER;
ALTER TABLE cameras ADD COLUMN evidence TEXT;

-- The place of the camera's health in `CameraHealth::ALL`: the most urgent health is 0.
ALTER TABLE cameras ADD COLUMN urgency INTEGER GENERATED ALWAYS AS (CASE
    WHEN enabled = 0 THEN 7
    WHEN lost_since IS NOT NULL THEN 0
    WHEN status = 'critical' THEN 1
    WHEN status = 'error' THEN 2
    WHEN status = 'warning' THEN 3
    WHEN status = 'normal' THEN 6
    WHEN checked_at IS NULL THEN 5
    ELSE 4
END) VIRTUAL;
CREATE INDEX cameras_by_urgency ON cameras (urgency, id);
CREATE INDEX cameras_by_name ON cameras (lower(name), id);

-- The text in which a search looks for a camera. It has a table of its own, because each result writes the row in
-- `cameras` anew.
CREATE TABLE camera_words (
    camera_id TEXT NOT NULL PRIMARY KEY,
    words TEXT NOT NULL
);

-- The number of cameras by health, once an hour: of all cameras, and of each group (JSON).
CREATE TABLE camera_counts (
    hour INTEGER NOT NULL PRIMARY KEY,
    taken_at INTEGER NOT NULL,
    counts TEXT NOT NULL,
    group_counts TEXT NOT NULL
);
