-- name: 0001_rules
-- What the rule engine remembers and still has to say. Times are microseconds since 1970, UTC.
BEGIN IMMEDIATE;

-- grain: the one memory of the rule engine.
CREATE TABLE memory (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT NOT NULL         -- JSON, written and read by rules/memory.py
);

-- grain: one message to people, kept under its key after it was sent so that it is sent once.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order they were queued in
    key TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL,        -- JSON of the message
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'given_up')),
    attempts INTEGER NOT NULL,     -- made so far
    queued_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,       -- not to be tried before
    done_us INTEGER,               -- sent or given up at
    error TEXT                     -- why the last attempt failed
);
CREATE INDEX outbox_due ON outbox (due_us, seq) WHERE state = 'pending';

-- grain: one change of one alert; the highest revision of an alert is its present.
CREATE TABLE alert_changes (
    revision INTEGER PRIMARY KEY,  -- rises with every change of any alert
    alert_id TEXT NOT NULL,
    ts_us INTEGER NOT NULL,        -- when it fired
    rule TEXT NOT NULL,
    agent TEXT,
    severity TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    resolved_us INTEGER,
    evidence TEXT NOT NULL         -- JSON object
);
CREATE INDEX alert_changes_of ON alert_changes (alert_id, revision);

PRAGMA user_version = 1;
COMMIT;
