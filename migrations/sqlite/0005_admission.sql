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
