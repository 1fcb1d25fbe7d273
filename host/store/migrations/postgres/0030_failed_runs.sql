-- Finds the runs that have ended with dead jobs. The condition is that of the statements in `runs/recent.rs`.
CREATE INDEX runs_failed ON runs (id) WHERE progress LIKE '%"dead":%' AND progress NOT LIKE '%"dead":0,%';
