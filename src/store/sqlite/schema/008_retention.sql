-- Schema version 8: since when an idempotency key is kept, by the newest time of change at its commit, in microseconds. Of those
-- that there are nobody knows: they are as old as the newest change.

ALTER TABLE idempotency ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE idempotency SET at = (SELECT updated FROM store);
CREATE INDEX idempotency_at ON idempotency (at);
