-- Filters of the list of cameras that people save under a name. `owner_kind` is `user`, `token` or `anybody`; `owner` is
-- the id of the user or the token, and empty for anybody. `filter` is a JSON document.
CREATE TABLE camera_filters (
    id TEXT NOT NULL PRIMARY KEY,
    owner_kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    filter TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (owner_kind, owner, name)
);
