-- Backfills: due times of the past that somebody wants run. Nothing is inserted ahead: a run is made, and the cursor of its
-- schedule moved, when there is room for it.

-- The due times are those in [from_at, to_at). `n_due` and `n_excluded` are what they were when it was asked for; `n_live` of
-- its runs have not ended, and the others have ended in one of the three ways. Of `n_skipped` due times no run was made,
-- because the precondition of the job was false of them.
CREATE TABLE backfill (
    id           BLOB PRIMARY KEY,
    job_id       INTEGER NOT NULL REFERENCES job (id),
    from_at      INTEGER NOT NULL,
    to_at        INTEGER NOT NULL,
    max_runs     INTEGER NOT NULL,
    state        TEXT NOT NULL,
    asked_at     INTEGER NOT NULL,
    asked_by     TEXT NOT NULL,
    ended_at     INTEGER,
    cancelled_by TEXT,
    reason       TEXT,
    n_due        INTEGER NOT NULL,
    n_excluded   INTEGER NOT NULL,
    n_live       INTEGER NOT NULL DEFAULT 0,
    n_completed  INTEGER NOT NULL DEFAULT 0,
    n_failed     INTEGER NOT NULL DEFAULT 0,
    n_cancelled  INTEGER NOT NULL DEFAULT 0,
    n_skipped    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX backfill_live ON backfill (job_id, id) WHERE ended_at IS NULL;
CREATE INDEX backfill_ended ON backfill (ended_at) WHERE ended_at IS NOT NULL;

-- By the key of the schedule, as the definition in force has it. `cursor_at`: every due time at or before it has had its run.
CREATE TABLE backfill_schedule (
    backfill_id BLOB NOT NULL REFERENCES backfill (id),
    key         TEXT NOT NULL,
    cursor_at   INTEGER NOT NULL,
    PRIMARY KEY (backfill_id, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE run ADD COLUMN backfill_id BLOB;
CREATE INDEX run_live_of_backfill ON run (backfill_id, id) WHERE backfill_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX run_of_backfill ON run (backfill_id, id) WHERE backfill_id IS NOT NULL;
CREATE INDEX run_backfilled ON run (job_id, scheduled_at, id) WHERE backfill_id IS NOT NULL;

-- What somebody skipped is not backfilled; it is a small part of what was not started.
CREATE INDEX span_by_user ON span (schedule_id, last_due_at) WHERE reason = 'by_user';
