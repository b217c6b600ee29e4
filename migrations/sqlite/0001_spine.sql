-- The spine: what is defined, when it is due, what ran, what happened, whom it must be told.
--
-- Instants are microseconds since the Unix epoch, UTC; columns named `*_steady` are on steady time (wall time less the
-- recorded clock steps). Ids of runs, tasks and deliveries are the 16 bytes of a UUIDv7. States and outcomes are the
-- public words. Hot rows are narrow; nothing counts rows of a hot table.

-- Single facts of the whole store: `boot_id`, `boot_id_heard`, `boot_id_seen`, `hooks`, `paused_at`, `paused_by`,
-- `stepped_us`, `tzdb`.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `event` and `launch` are the last numbers given out and only grow; `completed`, `failed` and `cancelled` count the runs
-- that are kept of each, so that nobody has to count them.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counter (name, value)
VALUES ('event', 0), ('launch', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);

-- Canonical JSON, kept once for equal content.
CREATE TABLE definition (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE job (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    revision        INTEGER NOT NULL,
    definition_id   INTEGER NOT NULL REFERENCES definition (id),
    source          TEXT NOT NULL,
    loaded_at       INTEGER NOT NULL,
    retired_at      INTEGER,
    paused_at       INTEGER,
    paused_by       TEXT,
    last_number     INTEGER NOT NULL DEFAULT 0,
    n_live          INTEGER NOT NULL DEFAULT 0,
    last_success_at INTEGER
) STRICT;

-- `cursor_at`: every due time at or before it has its answer, but for those of the backlog, which is
-- (backlog_after, backlog_until]. Rows are never deleted, so what is past stays past.
CREATE TABLE schedule (
    id            INTEGER PRIMARY KEY,
    job_id        INTEGER NOT NULL REFERENCES job (id),
    key           TEXT NOT NULL,
    body          TEXT NOT NULL,
    first_at      INTEGER NOT NULL,
    cursor_at     INTEGER NOT NULL,
    next_at       INTEGER,
    last_at       INTEGER,
    backlog_after INTEGER,
    backlog_until INTEGER,
    retired_at    INTEGER,
    UNIQUE (job_id, key)
) STRICT;

-- A start: one due time, one run, for ever.
CREATE TABLE occurrence (
    schedule_id INTEGER NOT NULL REFERENCES schedule (id),
    due_at      INTEGER NOT NULL,
    run_id      BLOB NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
) STRICT, WITHOUT ROWID;

-- Neighbouring due times that did not start, for one reason.
CREATE TABLE span (
    schedule_id  INTEGER NOT NULL REFERENCES schedule (id),
    first_due_at INTEGER NOT NULL,
    last_due_at  INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, first_due_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id            BLOB PRIMARY KEY,
    job_id        INTEGER REFERENCES job (id),
    revision      INTEGER,
    definition_id INTEGER NOT NULL REFERENCES definition (id),
    number        INTEGER,
    cause         TEXT NOT NULL,
    scheduled_at  INTEGER,
    timezone      TEXT,
    rerun_of      BLOB,
    state         TEXT NOT NULL,
    outcome       TEXT,
    cancelled_by  TEXT,
    priority      INTEGER NOT NULL,
    queued_at     INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER,
    error         TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX run_of_job ON run (job_id, id) WHERE job_id IS NOT NULL;
CREATE INDEX run_live ON run (state, id) WHERE ended_at IS NULL;
CREATE INDEX run_ended ON run (state, ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE task (
    id              BLOB PRIMARY KEY,
    run_id          BLOB NOT NULL,
    ordinal         INTEGER NOT NULL,
    name            TEXT NOT NULL,
    state           TEXT NOT NULL,
    outcome         TEXT,
    priority        INTEGER NOT NULL,
    launch          INTEGER,
    until_steady    INTEGER,
    queued_at       INTEGER,
    started_at      INTEGER,
    ended_at        INTEGER,
    n_attempts      INTEGER NOT NULL DEFAULT 0,
    n_interrupted   INTEGER NOT NULL DEFAULT 0,
    n_drained       INTEGER NOT NULL DEFAULT 0,
    max_attempts    INTEGER NOT NULL,
    cancelled       INTEGER NOT NULL DEFAULT 0,
    exit_code       INTEGER,
    output          TEXT,
    error           TEXT
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX task_of_run ON task (run_id, ordinal);
CREATE INDEX task_live ON task (state, id) WHERE ended_at IS NULL;

-- One try at a task. Its launch number is its fence: whoever speaks of the attempt must name it.
CREATE TABLE attempt (
    launch      INTEGER PRIMARY KEY,
    task_id     BLOB NOT NULL,
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    claimed_at  INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER,
    exit        TEXT,
    exit_code   INTEGER,
    log_path    TEXT,
    n_log_bytes INTEGER,
    n_dropped   INTEGER,
    n_leftovers INTEGER,
    error       TEXT
) STRICT;

CREATE INDEX attempt_of_task ON attempt (task_id, number);
-- At most one live attempt a task: not a rule somebody must remember, but a write that fails.
CREATE UNIQUE INDEX attempt_live ON attempt (task_id) WHERE state <> 'ended';

CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    type    TEXT NOT NULL,
    job     TEXT,
    run_id  BLOB,
    task_id BLOB,
    data    TEXT
) STRICT;

-- Canonical JSON of hooks, kept once for equal content.
CREATE TABLE hook (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

-- One hook owed one event, written by the transaction that wrote the event.
CREATE TABLE delivery (
    id           BLOB PRIMARY KEY,
    hook_id      INTEGER NOT NULL REFERENCES hook (id),
    event_seq    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    launch       INTEGER,
    until_steady INTEGER,
    n_attempts   INTEGER NOT NULL DEFAULT 0,
    queued_at    INTEGER NOT NULL,
    ended_at     INTEGER,
    status       INTEGER,
    error        TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_of_event ON delivery (event_seq);
CREATE INDEX delivery_live ON delivery (event_seq) WHERE state IN ('pending', 'sending');
CREATE UNIQUE INDEX delivery_launch ON delivery (launch) WHERE launch IS NOT NULL;

-- Files that cannot be read as jobs, as of the last load; the last good revisions stay in force.
CREATE TABLE invalid_file (
    path     TEXT PRIMARY KEY,
    problems TEXT NOT NULL
) STRICT, WITHOUT ROWID;
