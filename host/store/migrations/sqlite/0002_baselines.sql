-- What plugins remember of a camera, in base64; NULL after it was forgotten. A job that was leased before
-- `as_of` looked at an earlier state of things and changes nothing.
CREATE TABLE baselines (
    camera_id TEXT NOT NULL,
    plugin TEXT NOT NULL,
    data TEXT,
    size_bytes INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    PRIMARY KEY (camera_id, plugin)
);

-- The same for all plugins, and for those of which nothing is kept yet.
ALTER TABLE cameras ADD COLUMN baselines_since INTEGER NOT NULL DEFAULT 0;
