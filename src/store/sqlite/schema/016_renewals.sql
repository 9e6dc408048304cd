-- Schema version 16: what a change of a resource means for the referrals that share it, where they are very many: work that is left by
-- the commit and done in groups.

CREATE TABLE renewal (
    seq INTEGER NOT NULL,             -- the commit
    resource INTEGER NOT NULL,        -- what it changed
    replaced INTEGER NOT NULL,        -- the number of the version that the referrals were decided with
    version INTEGER NOT NULL,         -- the number of the version that they are to be decided with
    client TEXT NOT NULL,
    request TEXT NOT NULL,
    told INTEGER NOT NULL,            -- 0: they are being decided; 1: all are, the version is shown, and they are being told
    after INTEGER NOT NULL,           -- the last Task that it is done with
    PRIMARY KEY (seq, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX renewal_of ON renewal (resource, seq);

-- What such a change leads to no longer: not seen through a Task that shares the changed resource, until that Task is decided.
CREATE TABLE withdrawal (
    resource INTEGER NOT NULL,
    seq INTEGER NOT NULL,             -- renewal.seq
    cause INTEGER NOT NULL,           -- renewal.resource
    PRIMARY KEY (resource, seq, cause)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawal_of ON withdrawal (seq, cause);

-- Of which resources that is so through which Tasks.
CREATE VIEW undecided AS
SELECT w.resource, c.task FROM withdrawal w CROSS JOIN renewal n CROSS JOIN task_resource c
WHERE n.seq = w.seq AND n.resource = w.cause AND c.resource = n.resource AND c.task > n.after AND c.until IS NULL;

-- The version (version.id) that is shown meanwhile to those who see the resource through Tasks; none: the newest.
ALTER TABLE resource ADD COLUMN shown INTEGER;
-- The commit since which a version is shown to them; none: that which made it.
ALTER TABLE version ADD COLUMN shown INTEGER;
