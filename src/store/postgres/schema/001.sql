-- The tables of the PostgreSQL store, schema version 1: those of the SQLite store, column by column, so that what is kept can be
-- moved from one to the other row by row. What is about a file (whether it is served, whether it has room) is not here.
--
-- Ids are narrow integers, given once and never reused, by whoever holds the row of `store`. A resource gets its id when it is
-- first stored or first named by another; a row with version 0 is only named. Organizations are named by the id of their
-- resource, too. Texts are compared byte by byte. Foreign keys are not declared: rows are written by one who keeps them.

-- One row: what this store is and how far it has come. Whoever commits locks it first, so commits have one order.
CREATE TABLE store (
    one bigint PRIMARY KEY CHECK (one = 1),
    id text COLLATE "C" NOT NULL,               -- random, given when the store was made
    seq bigint NOT NULL,                        -- the newest commit
    updated bigint NOT NULL,                    -- the newest lastUpdated, in microseconds; it never runs backwards
    directory bigint NOT NULL,                  -- the newest commit that changed a public resource
    clients bigint NOT NULL,                    -- counts changes of the clients
    parameters text COLLATE "C" NOT NULL        -- which search parameters the index was made with
) WITH (fillfactor = 10);

-- Each time that the store was restored from a copy: what was committed after the copy is gone, and the numbers of those
-- commits are given a second time. So cursors have another name since.
CREATE TABLE restored (
    number bigint PRIMARY KEY,
    cursors text COLLATE "C" NOT NULL,          -- random: the name of the cursors that are given since
    seq bigint NOT NULL                         -- the newest commit of the copy; earlier cursors hold up to here
);

-- Under which URLs FHIR was served from this store: references that begin with one of them lead to what is stored here.
CREATE TABLE base (
    url text COLLATE "C" PRIMARY KEY            -- without a slash at its end
);

CREATE TABLE kind (
    id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    resources bigint NOT NULL                   -- how many are stored
) WITH (fillfactor = 50);

-- The newest state of each resource.
CREATE TABLE resource (
    id bigint PRIMARY KEY,
    kind bigint NOT NULL,
    logical text COLLATE "C" NOT NULL,          -- the id that clients know
    version bigint NOT NULL,                    -- 0: named, not stored
    current bigint NOT NULL,                    -- version.id of the newest version
    updated bigint NOT NULL,                    -- microseconds, different for every version that is written
    seq bigint NOT NULL,
    author bigint NOT NULL,                     -- the Organization that sent it; 0: the gateway's own
    public bigint NOT NULL,
    shown bigint                                -- version.id that those are shown meanwhile who see it through Tasks; none: current
);
CREATE UNIQUE INDEX resource_key ON resource (kind, logical);
CREATE INDEX resource_kind ON resource (kind, updated) WHERE version > 0;
CREATE INDEX resource_author ON resource (author, kind, updated) WHERE author > 0;
CREATE INDEX resource_public ON resource (kind, updated) WHERE public = 1;

-- Every version, as it was committed.
CREATE TABLE version (
    id bigint PRIMARY KEY,
    resource bigint NOT NULL,
    version bigint NOT NULL,
    updated bigint NOT NULL,
    seq bigint NOT NULL,
    document text COLLATE "C" NOT NULL,
    shown bigint                                -- the commit since which it is shown to them; none: that which made it
);
CREATE UNIQUE INDEX version_of ON version (resource, version);

-- The versions of a Task by which it moved, each without what grows with it: notes, outputs, inputs.
CREATE TABLE task_step (
    task bigint NOT NULL,                       -- resource
    version bigint NOT NULL,
    seq bigint NOT NULL,                        -- the commit that made it
    document text COLLATE "C" NOT NULL,
    PRIMARY KEY (task, version)
);

-- What is shared through a Task, who gave it, from which commit on and until which.
CREATE TABLE task_resource (
    task bigint NOT NULL,
    resource bigint NOT NULL,
    giver bigint NOT NULL,                      -- the Organization that gave it
    since bigint NOT NULL,                      -- the commit since which it is shared
    until bigint,                               -- the commit since which it no longer is
    PRIMARY KEY (task, resource, since) INCLUDE (giver, until)
);
CREATE INDEX task_resource_of ON task_resource (resource, task) INCLUDE (since, until);

-- As what each organization takes part in a referral, and since when.
CREATE TABLE task_party (
    task bigint NOT NULL,
    organization bigint NOT NULL,
    party text COLLATE "C" NOT NULL,            -- requester, owner, ...
    since bigint NOT NULL,                      -- the commit since which it takes part
    until bigint,                               -- the commit since which it no longer does
    ended text COLLATE "C",                     -- withdrawn, taken or over
    PRIMARY KEY (task, organization, party, since) INCLUDE (until, ended)
);

-- What follows from the two: through how many Tasks an Organization sees a resource.
CREATE TABLE seen (
    organization bigint NOT NULL,
    kind bigint NOT NULL,
    resource bigint NOT NULL,
    tasks bigint NOT NULL,
    PRIMARY KEY (organization, kind, resource)
);

-- What is withheld of a resource from an organization that sees it as the owner of a referral.
CREATE TABLE withheld (
    organization bigint NOT NULL,
    resource bigint NOT NULL,
    task bigint NOT NULL,                       -- the referral through which it holds
    member text COLLATE "C" NOT NULL,           -- the element, at the top level of the resource
    author text COLLATE "C" NOT NULL,           -- only its items whose authorReference is this; '': all of it
    rule text COLLATE "C" NOT NULL,
    since bigint NOT NULL,                      -- the commit since which it is
    until bigint,                               -- the commit since which it no longer is
    PRIMARY KEY (organization, resource, task, member, author, since)
);
CREATE INDEX withheld_of ON withheld (task) WHERE until IS NULL;

-- What the record of a Task holds beside the graph, by commit; the newest row counts, null means nothing.
CREATE TABLE extras (
    task bigint NOT NULL,
    seq bigint NOT NULL,
    value text COLLATE "C",
    PRIMARY KEY (task, seq)
);

-- What is new for whom: one row a Task and Organization, at its newest change.
CREATE TABLE feed (
    task bigint NOT NULL,
    organization bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (task, organization)
);
CREATE UNIQUE INDEX feed_new ON feed (organization, seq, task);

-- The referrals that wait for an answer, and since when they are at their program.
CREATE TABLE unanswered (
    task bigint PRIMARY KEY,
    state text COLLATE "C" NOT NULL,
    program text COLLATE "C" NOT NULL,          -- the id of the HealthcareService; '' for none
    since bigint NOT NULL                       -- microseconds
);

-- What Consents may say, by the person whom they are about.
CREATE TABLE consent_rule (
    person bigint NOT NULL,                     -- resource
    says text COLLATE "C" NOT NULL,             -- permits, refuses, lapsed
    recipient bigint NOT NULL,                  -- the Organization; 0: anyone, -1: not known by itself
    given bigint NOT NULL,                      -- microseconds: of a refusal the latest that its date allows, else the earliest
    consent bigint NOT NULL,                    -- resource
    since bigint NOT NULL,                      -- microseconds, as until
    until bigint NOT NULL,
    PRIMARY KEY (person, says, recipient, given, consent)
);
CREATE INDEX consent_rule_of ON consent_rule (consent);

-- On what it rests that a Task shows a person to others: with which changes of that person's Consents it has to be asked anew.
CREATE TABLE task_consent (
    person bigint NOT NULL,                     -- resource
    rests_on bigint NOT NULL,                   -- the Consent; 0: with each, -1: with none, nobody sees it
    task bigint NOT NULL,                       -- resource
    PRIMARY KEY (person, rests_on, task)
);
CREATE INDEX task_consent_of ON task_consent (task, person);

-- The audit log; its rows are chained by their hashes.
CREATE TABLE audit (
    id bigint PRIMARY KEY,
    at bigint NOT NULL,                         -- milliseconds
    action text COLLATE "C" NOT NULL,
    client text COLLATE "C" NOT NULL,
    organization text COLLATE "C" NOT NULL,
    request text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    detail text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,          -- done, refused
    correlation text COLLATE "C",               -- what the caller itself calls the request
    entities text COLLATE "C",                  -- further resources that it is about, separated by spaces
    chain text COLLATE "C",                     -- the chain that the row stands in
    number bigint,                              -- its place in it, from 1
    previous bytea,                             -- hash of the row before it; zeros for the first
    hash bytea                                  -- of all that the row says, and of the row before it
);
CREATE INDEX audit_subject ON audit (subject, id) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX audit_number ON audit (chain, number);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_entities ON audit (at) WHERE entities IS NOT NULL;

-- How far each chain has come: a row that is gone from its end is missed.
CREATE TABLE audit_chain (
    chain text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,                     -- the newest row
    hash bytea NOT NULL                         -- and its hash
) WITH (fillfactor = 10);

CREATE TABLE idempotency (
    client text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    answer text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,                         -- the newest time of change at its commit, in microseconds
    UNIQUE (client, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE client (
    number bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    organization text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    created bigint NOT NULL,                    -- milliseconds
    revoked bigint,
    acts_for text COLLATE "C" NOT NULL,         -- ids of Organizations, separated by spaces
    certificates text COLLATE "C" NOT NULL      -- SHA-256 fingerprints, separated by spaces
);

-- The search index: narrow rows, read without looking at anything else. The rows carry the resource's lastUpdated, so what has
-- one value comes in the order of change.
CREATE TABLE parameter (
    id bigint PRIMARY KEY,
    kind bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    UNIQUE (kind, code)
);

CREATE TABLE system (
    id bigint PRIMARY KEY,
    uri text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE token (
    parameter bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    updated bigint NOT NULL,
    resource bigint NOT NULL,
    system bigint NOT NULL,                     -- 0: none
    PRIMARY KEY (parameter, value, updated, resource, system)
);

CREATE TABLE reference (
    parameter bigint NOT NULL,
    target bigint NOT NULL,                     -- resource.id
    updated bigint NOT NULL,
    resource bigint NOT NULL,
    PRIMARY KEY (parameter, target, updated, resource)
);

CREATE TABLE text (
    parameter bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    updated bigint NOT NULL,
    resource bigint NOT NULL,
    PRIMARY KEY (parameter, value, updated, resource)
);
CREATE INDEX text_of ON text (resource, parameter, value);

CREATE TABLE date (
    parameter bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    resource bigint NOT NULL,
    PRIMARY KEY (parameter, high, low, resource)
);
CREATE INDEX date_of ON date (resource, parameter, low, high);

-- How many resources have a code, where that is asked all the time.
CREATE TABLE counted (
    parameter bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    system bigint NOT NULL,
    resources bigint NOT NULL,
    PRIMARY KEY (parameter, value, system)
) WITH (fillfactor = 50);

-- What a change of a resource means for the referrals that share it, where they are very many: work that is left by the commit and
-- done in groups.
CREATE TABLE renewal (
    seq bigint NOT NULL,                        -- the commit
    resource bigint NOT NULL,                   -- what it changed
    replaced bigint NOT NULL,                   -- the number of the version that the referrals were decided with
    version bigint NOT NULL,                    -- the number of the version that they are to be decided with
    client text COLLATE "C" NOT NULL,
    request text COLLATE "C" NOT NULL,
    told bigint NOT NULL,                       -- 0: they are being decided; 1: all are, and they are being told
    after bigint NOT NULL,                      -- the last Task that it is done with
    PRIMARY KEY (seq, resource)
);
CREATE INDEX renewal_of ON renewal (resource, seq);

-- What such a change leads to no longer: not seen through a Task that shares the changed resource, until that Task is decided.
CREATE TABLE withdrawal (
    resource bigint NOT NULL,
    seq bigint NOT NULL,                        -- renewal.seq
    cause bigint NOT NULL,                      -- renewal.resource
    PRIMARY KEY (resource, seq, cause)
);
CREATE INDEX withdrawal_of ON withdrawal (seq, cause);

-- Of which resources that is so through which Tasks.
CREATE VIEW undecided AS
SELECT w.resource, c.task FROM withdrawal w CROSS JOIN renewal n CROSS JOIN task_resource c
WHERE n.seq = w.seq AND n.resource = w.cause AND c.resource = n.resource AND c.task > n.after AND c.until IS NULL;
