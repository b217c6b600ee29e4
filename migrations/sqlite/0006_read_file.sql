-- What each file of jobs was like when it was read, so that a daemon that starts reads only what has changed since. It is
-- written with what the file defines, and says so for as long as the fact `read_under` is what the reader would read under.
CREATE TABLE read_file (
    stem TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
