-- One row: a random id of this database. Browsers keep the cookies of all masters of a host together; with the id in
-- their names, masters of different databases do not replace each other's cookies.
CREATE TABLE installation (id TEXT NOT NULL PRIMARY KEY);
INSERT INTO installation (id) SELECT lower(hex(randomblob(4)));
