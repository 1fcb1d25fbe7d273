-- What a camera showed when all was well the last time: a picture's digest, and when it came.
ALTER TABLE cameras ADD COLUMN good_picture TEXT;
ALTER TABLE cameras ADD COLUMN good_picture_at INTEGER;
