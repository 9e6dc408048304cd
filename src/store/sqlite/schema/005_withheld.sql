-- Schema version 5: what is withheld of a resource from an organization that sees it as the owner of a referral.

CREATE TABLE withheld (
    organization INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    task INTEGER NOT NULL,            -- the referral through which it holds
    member TEXT NOT NULL,             -- the element, at the top level of the resource
    author TEXT NOT NULL,             -- only its items whose authorReference is this; '': all of it
    rule TEXT NOT NULL,
    since INTEGER NOT NULL,           -- the commit since which it is
    until INTEGER,                    -- the commit since which it no longer is; that of the part's end where it ended with it
    PRIMARY KEY (organization, resource, task, member, author, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX withheld_of ON withheld (task) WHERE until IS NULL;

-- The rules that there were, for the referrals that are stored. With each referral's next change they are asked anew, so
-- what is withheld here in doubt is shown then.
CREATE TEMP TABLE owned AS
SELECT p.task, p.organization FROM task_party p
WHERE p.party = 'owner' AND p.until IS NULL AND NOT EXISTS (
    SELECT 1 FROM task_party q
    WHERE q.task = p.task AND q.organization = p.organization AND q.until IS NULL AND q.party = 'requester');

-- Nobody may contact the person.
INSERT INTO withheld
SELECT o.organization, s.resource, o.task, e.member, '', 'contacting-subject-prohibited', store.seq, NULL
FROM owned o
CROSS JOIN task_resource s CROSS JOIN resource r CROSS JOIN kind k CROSS JOIN store
JOIN (SELECT 'Patient' AS kind, 'telecom' AS member UNION SELECT 'Patient', 'address' UNION SELECT 'Patient', 'contact'
      UNION SELECT 'RelatedPerson', 'telecom' UNION SELECT 'RelatedPerson', 'address') e ON e.kind = k.name
WHERE s.task = o.task AND s.until IS NULL AND r.id = s.resource AND k.id = r.kind AND EXISTS (
    SELECT 1 FROM task_resource t CROSS JOIN resource q CROSS JOIN kind j CROSS JOIN version v
    WHERE t.task = o.task AND t.until IS NULL AND q.id = t.resource AND j.id = q.kind AND j.name = 'ServiceRequest'
      AND v.id = q.current AND instr(v.document, '"contacting-subject-prohibited"') > 0);

-- What agencies noted that had the referral before.
INSERT INTO withheld
SELECT DISTINCT o.organization, o.task, o.task, 'note', 'Organization/' || x.logical, 'notes-of-other-agencies', store.seq, NULL
FROM owned o CROSS JOIN task_party p CROSS JOIN resource x CROSS JOIN store
WHERE p.task = o.task AND p.party = 'owner' AND p.until IS NOT NULL AND p.organization <> o.organization
  AND x.id = p.organization AND NOT EXISTS (
    SELECT 1 FROM task_party q
    WHERE q.task = o.task AND q.organization = p.organization AND q.until IS NULL AND q.party = 'requester');

DROP TABLE owned;
