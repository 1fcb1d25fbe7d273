-- What is known of pictures. Their bytes are blobs, named by digest.
CREATE TABLE pictures (
    digest TEXT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL,
    kept_at BIGINT NOT NULL
);
CREATE INDEX pictures_by_age ON pictures (kept_at, digest);
