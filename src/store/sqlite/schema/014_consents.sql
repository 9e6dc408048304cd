-- Schema version 14: what Consents may say, by the person whom they are about: which of them have to be read to decide.
CREATE TABLE consent_rule (
    person INTEGER NOT NULL,          -- resource
    says TEXT NOT NULL,               -- permits, refuses, lapsed
    recipient INTEGER NOT NULL,       -- the Organization; 0: anyone, -1: not known by itself
    given INTEGER NOT NULL,           -- microseconds: of a refusal the latest that its date allows, else the earliest
    consent INTEGER NOT NULL,         -- resource
    since INTEGER NOT NULL,           -- microseconds, as until
    until INTEGER NOT NULL,
    PRIMARY KEY (person, says, recipient, given, consent)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_rule_of ON consent_rule (consent);

-- On what it rests that a Task shows a person to others: with which changes of that person's Consents it has to be asked anew.
CREATE TABLE task_consent (
    person INTEGER NOT NULL,          -- resource
    rests_on INTEGER NOT NULL,        -- the Consent; 0: with each, -1: with none, nobody sees it
    task INTEGER NOT NULL,            -- resource
    PRIMARY KEY (person, rests_on, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_consent_of ON task_consent (task, person);
INSERT INTO task_consent (person, rests_on, task)
SELECT t.resource, 0, t.task FROM task_resource t JOIN resource r ON r.id = t.resource JOIN kind k ON k.id = r.kind
WHERE t.until IS NULL AND k.name = 'Patient';
