-- Schema version 2: the search index by generations, and what one gateway does alone.

-- A generation of the index: the rows that one set of search parameters gives. Gateways of two versions run side by side, each with
-- its own; parameters have ids of their own in each, and so their rows.
CREATE TABLE index_generation (
    id bigint PRIMARY KEY,
    definition text COLLATE "C" NOT NULL UNIQUE, -- what the rows are made with
    built bigint NOT NULL,                      -- the last resource whose rows are made, while they are made
    ready bigint NOT NULL,                      -- 1: those of all are
    used timestamptz NOT NULL                   -- when a gateway used it last, by the database's clock
) WITH (fillfactor = 10);
INSERT INTO index_generation SELECT 1, parameters, 0, 1, clock_timestamp() FROM store WHERE parameters <> '';

ALTER TABLE parameter ADD COLUMN generation bigint NOT NULL DEFAULT 1;
ALTER TABLE parameter DROP CONSTRAINT parameter_kind_code_key;
CREATE UNIQUE INDEX parameter_of ON parameter (generation, kind, code);

-- What a gateway of another generation has stored since: the rows of the resource are those of an earlier version.
CREATE TABLE index_pending (
    generation bigint NOT NULL,
    resource bigint NOT NULL,
    indexed bigint NOT NULL,                    -- version.id of that version; 0: it has no rows
    PRIMARY KEY (generation, resource)
);
CREATE INDEX index_pending_of ON index_pending (indexed);

-- What one gateway does alone: which one, and until when, by the database's clock.
CREATE TABLE lease (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    until timestamptz NOT NULL,
    due bigint NOT NULL                         -- when it is to be done again, in microseconds, by the clock of the gateways
) WITH (fillfactor = 50);
