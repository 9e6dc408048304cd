-- The tables of the SQLite store, schema version 1.
--
-- Ids are narrow integers, given once and never reused. A resource gets its id when it is first stored or first named
-- by another; a row with version 0 is only named. Organizations are named by the id of their resource, too.
-- Times are milliseconds since 1970. Foreign keys are not declared: rows are written by one thread that keeps them.

-- One row: what this store is and how far it has come.
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,                 -- random, given when the store was made
    seq INTEGER NOT NULL,             -- the newest commit
    updated INTEGER NOT NULL,         -- the newest lastUpdated; it never runs backwards
    directory INTEGER NOT NULL,       -- the newest commit that changed a public resource
    clients INTEGER NOT NULL,         -- counts changes of the clients
    parameters TEXT NOT NULL          -- which search parameters the index was made with
) STRICT;

CREATE TABLE kind (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    resources INTEGER NOT NULL        -- how many are stored
) STRICT;

-- The newest state of each resource.
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    logical TEXT NOT NULL,            -- the id that clients know
    version INTEGER NOT NULL,         -- 0: named, not stored
    current INTEGER NOT NULL,         -- version.id of the newest version
    updated INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    author INTEGER NOT NULL,          -- the Organization that sent it; 0: the gateway's own
    public INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX resource_key ON resource (kind, logical);
CREATE INDEX resource_kind ON resource (kind, updated) WHERE version > 0;
CREATE INDEX resource_author ON resource (author, kind, updated) WHERE author > 0;
CREATE INDEX resource_public ON resource (kind, updated) WHERE public = 1;

-- Every version, as it was committed.
CREATE TABLE version (
    id INTEGER PRIMARY KEY,
    resource INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX version_of ON version (resource, version);

-- What is shared through a Task, with whom; replaced per Task.
CREATE TABLE task_resource (
    task INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    PRIMARY KEY (task, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_resource_of ON task_resource (resource, task);

CREATE TABLE task_organization (
    task INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    PRIMARY KEY (task, organization)
) STRICT, WITHOUT ROWID;

-- What follows from the two: through how many Tasks an Organization sees a resource. One look-up answers "may it?",
-- however many Tasks share the resource, and one range is all that an Organization sees of a type.
CREATE TABLE seen (
    organization INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    tasks INTEGER NOT NULL,
    PRIMARY KEY (organization, kind, resource)
) STRICT, WITHOUT ROWID;

-- What the record of a Task holds beside the graph, by commit; the newest row counts, null means nothing.
CREATE TABLE extras (
    task INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    value TEXT,
    PRIMARY KEY (task, seq)
) STRICT, WITHOUT ROWID;

-- What is owed to whom: one row a Task and Organization, at its newest change.
CREATE TABLE delivery (
    task INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (task, organization)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX delivery_new ON delivery (organization, seq, task);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    client TEXT NOT NULL,
    organization TEXT NOT NULL,
    request TEXT NOT NULL,
    subject TEXT,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit (subject) WHERE subject IS NOT NULL;

CREATE TABLE idempotency (
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (client, key)
) STRICT;

CREATE TABLE client (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    organization TEXT NOT NULL,
    hash BLOB NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

-- The search index: narrow rows, written in the order of their keys, and read without looking at anything else. The
-- rows carry the resource's lastUpdated, so what has one value comes in the order of change.
CREATE TABLE parameter (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    code TEXT NOT NULL,
    UNIQUE (kind, code)
) STRICT;

CREATE TABLE system (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE token (
    parameter INTEGER NOT NULL,
    value TEXT NOT NULL,
    updated INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    system INTEGER NOT NULL,          -- 0: none
    PRIMARY KEY (parameter, value, updated, resource, system)
) STRICT, WITHOUT ROWID;

CREATE TABLE reference (
    parameter INTEGER NOT NULL,
    target INTEGER NOT NULL,          -- resource.id
    updated INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    PRIMARY KEY (parameter, target, updated, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE text (
    parameter INTEGER NOT NULL,
    value TEXT NOT NULL,
    updated INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    PRIMARY KEY (parameter, value, updated, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE date (
    parameter INTEGER NOT NULL,
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    PRIMARY KEY (parameter, high, low, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX date_of ON date (resource, parameter, low, high);
