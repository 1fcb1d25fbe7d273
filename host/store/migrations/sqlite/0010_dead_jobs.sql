-- Counted every few seconds for the metrics, however many jobs are kept.
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'dead';
