-- One row: a random id of this database. Browsers keep the cookies of all masters of a host together; with the id in
-- their names, masters of different databases do not replace each other's cookies.
CREATE TABLE installation (id TEXT COLLATE "C" NOT NULL PRIMARY KEY);
INSERT INTO installation (id) SELECT lpad(to_hex(CAST(floor(random() * 4294967296) AS BIGINT)), 8, '0');
