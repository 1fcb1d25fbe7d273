-- The audit log: what people changed, who changed it, when, from where, and what was different before and after.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT,
    way TEXT NOT NULL,
    address TEXT,
    forwarded_for TEXT,
    request_id TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT,
    outcome TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT
);
CREATE INDEX audit_by_object ON audit (object_id, id);
CREATE INDEX audit_by_actor ON audit (actor_id, id);
