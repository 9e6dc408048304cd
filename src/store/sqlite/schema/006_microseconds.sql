-- Schema version 6: the time of a change is in microseconds since 1970, and different for every version that is written. Other
-- times (of the audit log, of clients) stay milliseconds.

UPDATE resource SET updated = updated * 1000 WHERE version > 0;
UPDATE version SET updated = updated * 1000;
UPDATE token SET updated = updated * 1000;
UPDATE reference SET updated = updated * 1000;
UPDATE text SET updated = updated * 1000;

-- What is written from now on lies in a later millisecond than all that there is: older documents say milliseconds, and the
-- later time is to be the greater text.
UPDATE store SET updated = updated * 1000 + 999;
