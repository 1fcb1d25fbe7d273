-- Cameras that give no picture: why, whether they take connections, since when, how often they were asked for one,
-- when that was last, and when they are asked again.
ALTER TABLE cameras ADD COLUMN lost_since BIGINT;
ALTER TABLE cameras ADD COLUMN lost_reason TEXT;
ALTER TABLE cameras ADD COLUMN lost_connects BIGINT;
ALTER TABLE cameras ADD COLUMN lost_looks BIGINT;
ALTER TABLE cameras ADD COLUMN lost_looked_at BIGINT;
ALTER TABLE cameras ADD COLUMN next_full_look_at BIGINT;
CREATE INDEX cameras_lost ON cameras (id) WHERE lost_since IS NOT NULL;

-- How long a token holds from when it was made, where it was not made until a date: a clock that was wrong then
-- changes nothing of that.
ALTER TABLE tokens ADD COLUMN lifetime_ms BIGINT;
