-- What queued work waits for: room in pools, a place in its job's queue, and for how long at most. Two facts more tell who
-- asks: `max_tasks`, and `strangers`, how many live at the runner that no row knows.

-- What the configuration has room for, and how much of it live attempts have taken. A size of 0: the configuration has no
-- such pool any more, and somebody still holds some of it.
CREATE TABLE pool (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What an attempt of the task takes from pools, as in `db=2 gpu=1`; nothing for most.
ALTER TABLE task ADD COLUMN pools TEXT;

-- How many of its runs are queued: nothing of them was claimed.
ALTER TABLE job ADD COLUMN n_queued INTEGER NOT NULL DEFAULT 0;
UPDATE job SET n_queued = (SELECT count(*) FROM run WHERE run.job_id = job.id AND run.state = 'queued' AND run.ended_at IS NULL);

-- When a run of which nothing was claimed ends, on steady time.
ALTER TABLE run ADD COLUMN expires_steady INTEGER;

CREATE INDEX run_expiring ON run (expires_steady) WHERE expires_steady IS NOT NULL AND started_at IS NULL AND ended_at IS NULL;
