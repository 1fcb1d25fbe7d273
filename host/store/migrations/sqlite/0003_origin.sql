-- Where a run comes from: the request that made it.
ALTER TABLE runs ADD COLUMN origin TEXT NOT NULL DEFAULT '{}';
