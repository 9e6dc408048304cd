-- Schema version 10: under which URLs FHIR was served from this store. References that begin with one of them are found as
-- references to what is stored here, whichever it is served under now.

CREATE TABLE base (
    url TEXT PRIMARY KEY              -- without a slash at its end
) STRICT, WITHOUT ROWID;
