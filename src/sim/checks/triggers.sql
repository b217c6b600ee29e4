-- The rules about single writes, and the notes of what a step did. All of it is of the connection, none of the file.

CREATE TEMP TABLE sim_fault (kind TEXT);
CREATE TEMP TABLE sim_run (n INTEGER PRIMARY KEY, id BLOB, definition_id INTEGER, cause TEXT, held INTEGER, forced INTEGER, n_live INTEGER,
                          n_held INTEGER, is_paused INTEGER, n_queued INTEGER);
CREATE TEMP TABLE sim_lost (launch INTEGER, is_call INTEGER);
CREATE TEMP TABLE sim_claim (n INTEGER PRIMARY KEY, launch INTEGER, task_id BLOB);
CREATE TEMP TABLE sim_start (n INTEGER PRIMARY KEY, id INTEGER, due_at INTEGER, run_id BLOB);
CREATE TEMP TABLE sim_schedule (
    n INTEGER PRIMARY KEY, id INTEGER, job TEXT, body TEXT, old_cursor INTEGER, new_cursor INTEGER, old_after INTEGER,
    was_retired INTEGER, is_retired INTEGER
);

CREATE TEMP TABLE sim_backfill_move (n INTEGER PRIMARY KEY, backfill_id BLOB, key TEXT, old_at INTEGER, new_at INTEGER);
CREATE TEMP TABLE sim_backfill_run (backfill_id BLOB, at INTEGER, held INTEGER, cause TEXT);
CREATE TEMP TABLE sim_backfill_completed (backfill_id BLOB);
-- The runs that were ever made of each.
CREATE TEMP TABLE sim_backfill_total (backfill_id BLOB PRIMARY KEY, n INTEGER);
-- The due times of each that its cursors ever came to.
CREATE TEMP TABLE sim_backfill_passed (backfill_id BLOB PRIMARY KEY, n INTEGER);

-- Ended never changes.
CREATE TEMP TRIGGER sim_ended_run BEFORE UPDATE ON main.run WHEN old.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'broken: an ended run changed'); END;
CREATE TEMP TRIGGER sim_ended_task BEFORE UPDATE ON main.task WHEN old.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'broken: an ended task changed'); END;
CREATE TEMP TRIGGER sim_ended_attempt BEFORE UPDATE ON main.attempt WHEN old.state = 'ended'
BEGIN SELECT RAISE(ABORT, 'broken: an ended attempt changed'); END;
CREATE TEMP TRIGGER sim_live_run BEFORE DELETE ON main.run WHEN old.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'broken: a live run was forgotten'); END;
CREATE TEMP TRIGGER sim_live_task BEFORE DELETE ON main.task WHEN old.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'broken: a live task was forgotten'); END;

-- A state follows only one that may come before it, and success is what completed means.
CREATE TEMP TRIGGER sim_task_state BEFORE UPDATE OF state ON main.task
WHEN old.state <> new.state AND (old.state || ' ' || new.state) NOT IN (
    'blocked queued', 'blocked skipped', 'blocked cancelled', 'queued running', 'queued completed', 'queued cancelled',
    'running completed', 'running failed', 'running skipped', 'running cancelled', 'running retrying',
    'retrying queued', 'retrying cancelled', 'waiting queued', 'waiting cancelled'
) AND NOT (new.state = 'failed' AND new.outcome IN ('internal', 'invalid_request'))
BEGIN SELECT RAISE(ABORT, 'broken: a task changed its state against the table'); END;
CREATE TEMP TRIGGER sim_run_state BEFORE UPDATE OF state ON main.run
WHEN old.state <> new.state AND (old.state || ' ' || new.state) NOT IN (
    'queued running', 'queued completed', 'queued cancelled', 'queued failed', 'running completed', 'running failed',
    'running cancelled'
)
BEGIN SELECT RAISE(ABORT, 'broken: a run changed its state against the table'); END;
CREATE TEMP TRIGGER sim_task_success BEFORE UPDATE ON main.task
WHEN (new.state = 'completed') <> coalesce(new.outcome = 'success', 0) OR (new.outcome IS NULL) <> (new.ended_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'broken: a task has an outcome that its state denies'); END;
CREATE TEMP TRIGGER sim_run_success BEFORE UPDATE ON main.run
WHEN (new.state = 'completed') <> coalesce(new.outcome = 'success', 0) OR (new.outcome IS NULL) <> (new.ended_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'broken: a run has an outcome that its state denies'); END;

-- Nothing that is held begins, and nothing is held that was let in.
CREATE TEMP TRIGGER sim_held BEFORE UPDATE ON main.run
WHEN new.held = 1 AND (old.held = 0 OR new.state NOT IN ('queued', 'cancelled', 'failed'))
BEGIN SELECT RAISE(ABORT, 'broken: a held run began, or one that was let in is held'); END;

-- Events are numbered without gaps, and go from the oldest only, never past one that is owed.
CREATE TEMP TRIGGER sim_event_number BEFORE INSERT ON main.event
WHEN new.seq <> coalesce((SELECT max(seq) FROM main.event), (SELECT value FROM main.counter WHERE name = 'event')) + 1
BEGIN SELECT RAISE(ABORT, 'broken: an event has not the next number'); END;
CREATE TEMP TRIGGER sim_event_update BEFORE UPDATE ON main.event
BEGIN SELECT RAISE(ABORT, 'broken: an event changed'); END;
CREATE TEMP TRIGGER sim_event_delete BEFORE DELETE ON main.event
WHEN EXISTS (SELECT 1 FROM main.event WHERE seq < old.seq)
  OR EXISTS (SELECT 1 FROM main.delivery WHERE event_seq = old.seq AND state IN ('pending', 'sending'))
BEGIN SELECT RAISE(ABORT, 'broken: an event was forgotten too early'); END;

-- Fences grow.
CREATE TEMP TRIGGER sim_fence BEFORE INSERT ON main.attempt
WHEN new.launch <= coalesce((SELECT max(launch) FROM main.attempt), 0)
  OR new.launch <= (SELECT value FROM main.counter WHERE name = 'launch')
BEGIN SELECT RAISE(ABORT, 'broken: a launch number does not grow'); END;

-- No pool is overdrawn, but by becoming smaller.
CREATE TEMP TRIGGER sim_pool BEFORE UPDATE ON main.pool WHEN new.used > old.used AND new.used > new.size
BEGIN SELECT RAISE(ABORT, 'broken: more is taken of a pool than there is'); END;

-- Answers stay.
-- It may only be told, once, why its run came to nothing.
CREATE TEMP TRIGGER sim_occurrence_update BEFORE UPDATE ON main.occurrence
WHEN (old.schedule_id, old.due_at, old.run_id) <> (new.schedule_id, new.due_at, new.run_id) OR old.reason IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM run WHERE id = new.run_id AND outcome = 'condition_false')
BEGIN SELECT RAISE(ABORT, 'broken: an occurrence changed'); END;
CREATE TEMP TRIGGER sim_occurrence_delete BEFORE DELETE ON main.occurrence
BEGIN SELECT RAISE(ABORT, 'broken: an occurrence was forgotten'); END;
CREATE TEMP TRIGGER sim_schedule_delete BEFORE DELETE ON main.schedule
BEGIN SELECT RAISE(ABORT, 'broken: a schedule was forgotten'); END;

-- What the step did.
CREATE TEMP TRIGGER sim_note_run AFTER INSERT ON main.run WHEN new.job_id IS NOT NULL
BEGIN
    INSERT INTO sim_run (id, definition_id, cause, held, forced, n_live, n_held, is_paused, n_queued)
    SELECT new.id, new.definition_id, new.cause, new.held, new.forced, job.n_live, job.n_held,
           job.paused_at IS NOT NULL OR EXISTS (SELECT 1 FROM main.fact WHERE name = 'paused_at'), job.n_queued
      FROM main.job WHERE job.id = new.job_id;
END;
CREATE TEMP TRIGGER sim_note_claim AFTER INSERT ON main.attempt
BEGIN INSERT INTO sim_claim (launch, task_id) VALUES (new.launch, new.task_id); END;
CREATE TEMP TRIGGER sim_note_lost AFTER UPDATE ON main.attempt WHEN new.exit = 'lost'
BEGIN INSERT INTO sim_lost (launch, is_call) VALUES (new.launch, new.is_call); END;
CREATE TEMP TRIGGER sim_note_start AFTER INSERT ON main.occurrence
BEGIN INSERT INTO sim_start (id, due_at, run_id) VALUES (new.schedule_id, new.due_at, new.run_id); END;
CREATE TEMP TRIGGER sim_note_schedule AFTER INSERT ON main.schedule
BEGIN
    INSERT INTO sim_schedule (id, job, body, old_cursor, new_cursor, was_retired, is_retired)
    VALUES (new.id, (SELECT name FROM main.job WHERE id = new.job_id), new.body, new.cursor_at, new.cursor_at, 1, 0);
END;
CREATE TEMP TRIGGER sim_note_move AFTER UPDATE ON main.schedule
BEGIN
    INSERT INTO sim_schedule (id, job, body, old_cursor, new_cursor, old_after, was_retired, is_retired)
    VALUES (new.id, (SELECT name FROM main.job WHERE id = new.job_id), iif(new.body IS old.body, NULL, new.body),
            old.cursor_at, new.cursor_at, old.backlog_after, old.retired_at IS NOT NULL, new.retired_at IS NOT NULL);
END;

CREATE TEMP TRIGGER sim_note_backfill_move AFTER UPDATE ON main.backfill_schedule
BEGIN
    INSERT INTO sim_backfill_move (backfill_id, key, old_at, new_at)
    VALUES (new.backfill_id, new.key, old.cursor_at, new.cursor_at);
    INSERT INTO sim_backfill_passed (backfill_id, n) VALUES (new.backfill_id, 1)
        ON CONFLICT (backfill_id) DO UPDATE SET n = n + 1;
END;
CREATE TEMP TRIGGER sim_note_backfill_run AFTER INSERT ON main.run WHEN new.backfill_id IS NOT NULL
BEGIN
    INSERT INTO sim_backfill_run (backfill_id, at, held, cause)
    VALUES (new.backfill_id, new.scheduled_at, new.held, new.cause);
    INSERT INTO sim_backfill_total (backfill_id, n) VALUES (new.backfill_id, 1)
        ON CONFLICT (backfill_id) DO UPDATE SET n = n + 1;
END;
CREATE TEMP TRIGGER sim_note_backfill_completed AFTER UPDATE OF state ON main.backfill WHEN new.state = 'completed'
BEGIN INSERT INTO sim_backfill_completed (backfill_id) VALUES (new.id); END;
CREATE TEMP TRIGGER sim_ended_backfill BEFORE UPDATE OF state ON main.backfill WHEN old.state <> 'running'
BEGIN SELECT RAISE(ABORT, 'broken: an ended backfill changed'); END;

-- Writes that are refused on purpose.
CREATE TEMP TRIGGER sim_fault_event BEFORE INSERT ON main.event WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'event')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_attempt BEFORE INSERT ON main.attempt
WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'attempt')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_run BEFORE UPDATE ON main.run WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'run')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_task BEFORE UPDATE ON main.task WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'task')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_delivery BEFORE UPDATE ON main.delivery
WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'delivery')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_schedule BEFORE UPDATE ON main.schedule
WHEN EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'schedule')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
CREATE TEMP TRIGGER sim_fault_counter BEFORE UPDATE ON main.counter
WHEN new.name = 'event' AND EXISTS (SELECT 1 FROM sim_fault WHERE kind = 'counter')
BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
