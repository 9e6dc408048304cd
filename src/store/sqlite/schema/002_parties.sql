-- Schema version 2: as what each organization takes part in a referral, and since when; what an organization has to
-- read is called its feed.

CREATE TABLE task_party (
    task INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    party TEXT NOT NULL,              -- requester, owner, ...
    since INTEGER NOT NULL,           -- the commit since which it takes part
    until INTEGER,                    -- the commit since which it no longer does
    PRIMARY KEY (task, organization, party, since)
) STRICT, WITHOUT ROWID;

CREATE TEMP TABLE start (task INTEGER PRIMARY KEY, seq INTEGER NOT NULL, author INTEGER NOT NULL);
INSERT INTO start
SELECT r.id, coalesce((SELECT v.seq FROM version v WHERE v.resource = r.id AND v.version = 1), s.seq), r.author
FROM (SELECT task FROM task_resource UNION SELECT task FROM task_organization UNION SELECT task FROM delivery) t
CROSS JOIN resource r CROSS JOIN store s
WHERE r.id = t.task;

-- Whom the Task names as its owner.
INSERT INTO task_party
SELECT t.task, t.organization, 'owner', start.seq, NULL
FROM task_organization t CROSS JOIN start CROSS JOIN resource r
WHERE start.task = t.task AND r.id = t.task AND EXISTS (
    SELECT 1 FROM reference f
    WHERE f.parameter = (SELECT p.id FROM parameter p JOIN kind k ON k.id = p.kind WHERE k.name = 'Task' AND p.code = 'owner')
      AND f.target = t.organization AND f.updated = r.updated AND f.resource = t.task);

-- Everybody else that it is shared with, and who sent it.
INSERT INTO task_party
SELECT q.task, q.organization, 'requester', start.seq, NULL
FROM (
    SELECT t.task, t.organization FROM task_organization t
    WHERE NOT EXISTS (SELECT 1 FROM task_party p WHERE p.task = t.task AND p.organization = t.organization)
    UNION
    SELECT s.task, s.author FROM start s
    WHERE s.author > 0 AND EXISTS (SELECT 1 FROM task_resource e WHERE e.task = s.task)
) q CROSS JOIN start
WHERE start.task = q.task;

INSERT INTO seen
SELECT p.organization, r.kind, s.resource, 1
FROM task_party p CROSS JOIN task_resource s CROSS JOIN resource r
WHERE p.party = 'requester' AND s.task = p.task AND r.id = s.resource
  AND NOT EXISTS (SELECT 1 FROM task_organization o WHERE o.task = p.task AND o.organization = p.organization)
ON CONFLICT DO UPDATE SET tasks = tasks + 1;

-- Who was told once, and is no party any more, has owned it until then.
INSERT INTO task_party
SELECT d.task, d.organization, 'owner', start.seq, d.seq
FROM delivery d CROSS JOIN start
WHERE start.task = d.task AND d.organization <> start.author
  AND NOT EXISTS (SELECT 1 FROM task_party p WHERE p.task = d.task AND p.organization = d.organization);

DROP TABLE start;
DROP TABLE task_organization;

ALTER TABLE delivery RENAME TO feed;
DROP INDEX delivery_new;
CREATE UNIQUE INDEX feed_new ON feed (organization, seq, task);
