-- What people give to runs and get from them: parameters, outputs, requests that are asked twice.

-- JSON objects: the values of the run's parameters, the named values that it left; and what it wrote.
ALTER TABLE run ADD COLUMN params TEXT;
ALTER TABLE run ADD COLUMN output TEXT;
ALTER TABLE run ADD COLUMN outputs TEXT;

-- A JSON object: the named values that its last attempt left.
ALTER TABLE task ADD COLUMN outputs TEXT;

-- When a waiting task goes on, if that is a time of day, on wall time; `until_steady` if it waits for so long.
ALTER TABLE task ADD COLUMN until_wall INTEGER;

-- An HTTP request, which lives in the daemon and ends with it, and is no process of the runner.
ALTER TABLE attempt ADD COLUMN is_call INTEGER NOT NULL DEFAULT 0;

-- JSON: each key of the definition in force and the place where it is written.
ALTER TABLE job ADD COLUMN origins TEXT;

-- In a backup only: the files of jobs that were put by API, which lie beside the store and belong to it.
CREATE TABLE put_file (
    name TEXT PRIMARY KEY,
    text BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests that carried a key, so that one that is repeated gets the first one's answer; `at` is on steady time.
CREATE TABLE request (
    key         TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    answer      TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX request_age ON request (at);

-- What people look for is mostly what went wrong, and mostly little did.
CREATE INDEX run_amiss ON run (state, id) WHERE ended_at IS NOT NULL AND state <> 'completed';
CREATE INDEX run_amiss_of_job ON run (job_id, state, id) WHERE ended_at IS NOT NULL AND state <> 'completed';
CREATE INDEX task_amiss ON task (state, id) WHERE ended_at IS NOT NULL AND state <> 'completed';

-- `JOB#N`, without a look at every run of the job. What belongs to no job has no number.
CREATE INDEX run_of_number ON run (job_id, number) WHERE job_id IS NOT NULL;
