-- The plugins that a node has loaded (JSON). NULL if it has not reported them: earlier workers do not.
ALTER TABLE nodes ADD COLUMN plugins TEXT;
