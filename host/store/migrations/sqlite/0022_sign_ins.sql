-- The time of the failure before the last one. A sign-in counts as failed until its password is compared; if the password
-- was right, the time of the last failure is this one again.
ALTER TABLE sign_ins ADD COLUMN failed_before INTEGER NOT NULL DEFAULT 0;
