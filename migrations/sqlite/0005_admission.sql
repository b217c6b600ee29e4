-- Admission: runs that exist and are not let in yet, and those that were let in past the gate.

-- A held run is queued and not live: nothing of it may start before there is room for one more of its job.
ALTER TABLE run ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
-- It was cancelled without grace.
ALTER TABLE run ADD COLUMN killed INTEGER NOT NULL DEFAULT 0;
-- Somebody insisted on it.
ALTER TABLE run ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN n_held INTEGER NOT NULL DEFAULT 0;

-- The runs of a job that have not ended, oldest first.
CREATE INDEX run_live_of_job ON run (job_id, number) WHERE job_id IS NOT NULL AND ended_at IS NULL;

-- What a pause says of itself, and when it ends by itself, on wall time. Of a pause of everything the facts `paused_note`
-- and `paused_until` say the same.
ALTER TABLE job ADD COLUMN paused_note TEXT;
ALTER TABLE job ADD COLUMN paused_until INTEGER;
-- Runs that failed one after another, and runs that were started by schedules.
ALTER TABLE job ADD COLUMN n_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN n_scheduled INTEGER NOT NULL DEFAULT 0;

-- Due times ahead that somebody has skipped.
CREATE TABLE planned_skip (
    schedule_id INTEGER NOT NULL REFERENCES schedule (id),
    due_at      INTEGER NOT NULL,
    by          TEXT NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
) STRICT, WITHOUT ROWID;

-- Its due time was missed: how many of these are live at once, and how fast they start, is bounded.
ALTER TABLE run ADD COLUMN caught_up INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_caught_up ON run (id) WHERE caught_up = 1 AND ended_at IS NULL;
-- The last attempt of the job ended with the daemon, and so often it was caught up since one did not.
ALTER TABLE job ADD COLUMN has_died INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN n_deaths INTEGER NOT NULL DEFAULT 0;
