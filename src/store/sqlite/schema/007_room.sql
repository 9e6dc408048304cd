-- Schema version 7: where the writer tries whether there is room again, after the disk was full. Always empty but for that moment.

CREATE TABLE room (bytes BLOB NOT NULL) STRICT;
