-- Schema version 17: what an audit row is about is found by the narrow id of the resource, where it has one: such rows come in
-- order, one behind the other, where names lie anywhere. Rows of before are found by the name still.

ALTER TABLE audit ADD COLUMN about INTEGER;       -- resource

DROP INDEX audit_subject;
CREATE INDEX audit_about ON audit (about) WHERE about IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject) WHERE subject IS NOT NULL AND about IS NULL;

-- A file has one chain, or a few where it was copied: the number leads to the row.
DROP INDEX audit_number;
CREATE INDEX audit_number ON audit (number);
