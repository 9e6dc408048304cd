-- Schema version 13: the certificates that a client's token is bound to.

ALTER TABLE client ADD COLUMN certificates TEXT NOT NULL DEFAULT '';  -- SHA-256 fingerprints, separated by spaces
