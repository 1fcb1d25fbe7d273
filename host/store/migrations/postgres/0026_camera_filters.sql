-- Filters of the list of cameras that people save under a name. `owner_kind` is `user`, `token` or `anybody`; `owner` is
-- the id of the user or the token, and empty for anybody. `filter` is a JSON document.
CREATE TABLE camera_filters (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_kind TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    filter TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (owner_kind, owner, name)
);
