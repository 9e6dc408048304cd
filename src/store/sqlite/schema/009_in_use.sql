-- Schema version 9: whether the file is being used, and under which names its cursors were given.

-- 0: nobody serves it. Else which file it is that is served (its inode, or when it was made): a copy is another one.
ALTER TABLE store ADD COLUMN in_use INTEGER NOT NULL DEFAULT 0;

-- Each time that the store was restored from a copy: what was committed after the copy is gone, and the numbers of those
-- commits are given a second time. So cursors have another name since.
CREATE TABLE restored (
    number INTEGER PRIMARY KEY,
    cursors TEXT NOT NULL,            -- random: the name of the cursors that are given since
    seq INTEGER NOT NULL              -- the newest commit of the copy; earlier cursors hold up to here
) STRICT;
