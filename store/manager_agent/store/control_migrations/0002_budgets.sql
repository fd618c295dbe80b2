-- name: 0002_budgets
-- Budgets that were set while the manager ran, and who set them. Times are microseconds since
-- 1970, UTC.
BEGIN IMMEDIATE;

-- grain: one agent, or `default`, whose limits replace what is configured for it.
CREATE TABLE budget_overrides (
    agent TEXT PRIMARY KEY,
    limits TEXT NOT NULL,          -- JSON, written and read by store/control_budgets.py
    set_us INTEGER NOT NULL
);

-- grain: one thing that somebody had the manager do; never changed, never deleted.
CREATE TABLE control_events (
    ts_us INTEGER PRIMARY KEY,     -- rises with every event, also where the clock does not
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    detail TEXT NOT NULL           -- JSON object: before, after, why
);

PRAGMA user_version = 2;
COMMIT;
