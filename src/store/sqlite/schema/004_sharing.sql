-- Schema version 4: who gave what is shared, from which commit on and until which; how a part ended.

CREATE TABLE shared (
    task INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    giver INTEGER NOT NULL,           -- the Organization that gave it
    since INTEGER NOT NULL,           -- the commit since which it is shared
    until INTEGER,                    -- the commit since which it no longer is
    PRIMARY KEY (task, resource, since)
) STRICT, WITHOUT ROWID;

-- Whoever sent the Task gave what it discloses; nobody remembers better.
INSERT INTO shared
SELECT t.task, t.resource, r.author,
       coalesce((SELECT min(p.since) FROM task_party p WHERE p.task = t.task), r.seq), NULL
FROM task_resource t CROSS JOIN resource r
WHERE r.id = t.task;

DROP TABLE task_resource;
ALTER TABLE shared RENAME TO task_resource;
CREATE INDEX task_resource_of ON task_resource (resource, task);

-- withdrawn, taken or over. What ended before was seen no more, and stays so.
ALTER TABLE task_party ADD COLUMN ended TEXT;
UPDATE task_party SET ended = 'withdrawn' WHERE until IS NOT NULL;
