-- What plugins remember of a camera, in base64; NULL after it was forgotten. A job that was leased before
-- `as_of` looked at an earlier state of things and changes nothing.
CREATE TABLE baselines (
    camera_id TEXT COLLATE "C" NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    data TEXT COLLATE "C",
    size_bytes BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    PRIMARY KEY (camera_id, plugin)
);

-- The same for all plugins, and for those of which nothing is kept yet.
ALTER TABLE cameras ADD COLUMN baselines_since BIGINT NOT NULL DEFAULT 0;
