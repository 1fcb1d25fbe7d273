-- Counted every few seconds for the metrics, however many jobs are kept.
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'dead';
-- Every job is rewritten twice within seconds: what is left behind must not pile up in the indexes.
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE cameras SET (fillfactor = 80);
