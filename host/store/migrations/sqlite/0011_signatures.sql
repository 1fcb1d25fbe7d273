-- Who vouches for a plugin: one signature a key, over the digest and what the plugin says of itself.
CREATE TABLE plugin_signatures (
    digest TEXT NOT NULL REFERENCES plugins (digest) ON DELETE CASCADE,
    key TEXT NOT NULL,
    descriptor TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (digest, key)
);
