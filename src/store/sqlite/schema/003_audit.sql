-- Schema version 3: an audit log whose rows are chained by their hashes, and the organizations that a client acts for
-- beside its own.

ALTER TABLE audit ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done';   -- done, refused
ALTER TABLE audit ADD COLUMN correlation TEXT;    -- what the caller itself calls the request
ALTER TABLE audit ADD COLUMN entities TEXT;       -- further resources that it is about, separated by spaces
ALTER TABLE audit ADD COLUMN chain TEXT;          -- the chain that the row stands in
ALTER TABLE audit ADD COLUMN number INTEGER;      -- its place in it, from 1
ALTER TABLE audit ADD COLUMN previous BLOB;       -- hash of the row before it; zeros for the first
ALTER TABLE audit ADD COLUMN hash BLOB;           -- of all that the row says, and of the row before it

UPDATE audit SET outcome = 'refused' WHERE action IN ('refused', 'forbidden');

CREATE UNIQUE INDEX audit_number ON audit (chain, number);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_entities ON audit (at) WHERE entities IS NOT NULL;

-- How far each chain has come: a row that is gone from its end is missed.
CREATE TABLE audit_chain (
    chain TEXT PRIMARY KEY,
    number INTEGER NOT NULL,          -- the newest row
    hash BLOB NOT NULL                -- and its hash
) STRICT, WITHOUT ROWID;

ALTER TABLE client ADD COLUMN acts_for TEXT NOT NULL DEFAULT '';     -- ids of Organizations, separated by spaces
