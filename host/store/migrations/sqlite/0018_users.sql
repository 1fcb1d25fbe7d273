-- People who sign in with a name and a password. `login` is the name as it is compared: without capital letters.
-- `password` is a hash with its salt and its parameters.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    login TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    password TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_signed_in_at INTEGER
);

-- Sessions of users in browsers. `expires_at` is the end even if the session is in use.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);

-- Failed sign-ins. A key is a hash: of a name and an address, of a name, or of an address.
CREATE TABLE sign_ins (
    key TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    succeeded_at INTEGER
);
CREATE INDEX sign_ins_by_time ON sign_ins (failed_at);

-- The links with which the first administrator is made. Only the hashes of their secrets are stored.
CREATE TABLE welcomes (
    hash TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
