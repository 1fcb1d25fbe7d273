-- 1 if an administrator drains the node: it finishes its jobs and gets no new ones, until an administrator resumes it.
ALTER TABLE nodes ADD COLUMN drained BIGINT NOT NULL DEFAULT 0;
