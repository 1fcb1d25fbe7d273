-- Polls of a node up to this one are over: the node waits for no answer to them.
ALTER TABLE nodes ADD COLUMN polls_over BIGINT NOT NULL DEFAULT 0;
