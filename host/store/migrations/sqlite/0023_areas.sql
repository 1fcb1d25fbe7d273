-- The area of a user: the groups whose cameras the user may see and change (JSON). NULL stands for all cameras.
ALTER TABLE users ADD COLUMN area TEXT;

-- The numbers of cameras that are in several groups, by health and by all of their groups (JSON). With them, the cameras
-- of several groups are counted once each. NULL if an earlier version of this program took the census.
ALTER TABLE camera_counts ADD COLUMN shared_counts TEXT;

-- What a picture shows: a camera, or the source of a submission (the run's id). The other one is empty.
CREATE TABLE picture_subjects (
    digest TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    PRIMARY KEY (digest, camera_id, run_id)
) WITHOUT ROWID;
CREATE INDEX picture_subjects_by_age ON picture_subjects (noted_at, digest);

-- The submissions of users who have an area. Nobody else with an area may see them.
CREATE TABLE submitters (
    run_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL
) WITHOUT ROWID;
