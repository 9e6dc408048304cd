-- Schema version 12: what is kept so that work does not grow with what was before. What stands in documents is filled in by the program.

-- The versions of a Task by which it moved, each without what grows with it: notes, outputs, inputs. Of a Task of before they
-- are kept with its next version.
CREATE TABLE task_step (
    task INTEGER NOT NULL,            -- resource
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,             -- the commit that made it
    document TEXT NOT NULL,
    PRIMARY KEY (task, version)
) STRICT, WITHOUT ROWID;
