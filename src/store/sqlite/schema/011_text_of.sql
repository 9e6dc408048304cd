-- Schema version 11: whether a resource has a text that is searched for is asked of the resource, so that the first page of
-- many comes in its order without sorting all; and how many resources have a code is kept where that is asked all the time.

CREATE INDEX text_of ON text (resource, parameter, value);

CREATE TABLE counted (
    parameter INTEGER NOT NULL,
    value TEXT NOT NULL,
    system INTEGER NOT NULL,
    resources INTEGER NOT NULL,
    PRIMARY KEY (parameter, value, system)
) STRICT, WITHOUT ROWID;

INSERT INTO counted
SELECT t.parameter, t.value, t.system, count(*)
FROM token t CROSS JOIN parameter p CROSS JOIN kind k
WHERE p.id = t.parameter AND k.id = p.kind AND k.name = 'Task' AND p.code = 'business-status'
GROUP BY t.parameter, t.value, t.system;
