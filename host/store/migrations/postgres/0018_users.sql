-- People who sign in with a name and a password. `login` is the name as it is compared: without capital letters.
-- `password` is a hash with its salt and its parameters.
CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    login TEXT COLLATE "C" NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    password TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_signed_in_at BIGINT
);

-- Sessions of users in browsers. `expires_at` is the end even if the session is in use.
CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);

-- Failed sign-ins. A key is a hash: of a name and an address, of a name, or of an address.
CREATE TABLE sign_ins (
    key TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    succeeded_at BIGINT
);
CREATE INDEX sign_ins_by_time ON sign_ins (failed_at);

-- The links with which the first administrator is made. Only the hashes of their secrets are stored.
CREATE TABLE welcomes (
    hash TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
