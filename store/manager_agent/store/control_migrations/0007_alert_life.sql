-- name: 0007_alert_life
-- Why each alert changed, and silences. Times are microseconds since 1970, UTC.
BEGIN IMMEDIATE;

-- grain: one change of one alert; the highest revision of an alert is its present.
CREATE TABLE alert_changes_next (
    revision INTEGER PRIMARY KEY,  -- rises with every change of any alert
    alert_id TEXT NOT NULL,
    ts_us INTEGER NOT NULL,        -- when it fired; while it is pending, since when
    rule TEXT NOT NULL,
    agent TEXT,
    severity TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'firing', 'resolved', 'dropped')),
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    resolved_us INTEGER,
    evidence TEXT NOT NULL,        -- JSON object
    at_us INTEGER,                 -- when it changed; NULL: recorded before that was kept
    reason TEXT,                   -- why, as rules/alert.py names it; NULL likewise
    told INTEGER,                  -- whether people were told at this change; NULL likewise
    muted_by TEXT,                 -- the alert that explains it
    muted_why TEXT,
    silenced_by TEXT               -- the silence that covers it
);
INSERT INTO alert_changes_next
SELECT
    revision, alert_id, ts_us, rule, agent, severity, state, title, message, resolved_us, evidence,
    NULL, NULL, NULL, NULL, NULL, NULL
FROM alert_changes;
DROP TABLE alert_changes;
ALTER TABLE alert_changes_next RENAME TO alert_changes;
CREATE INDEX alert_changes_of ON alert_changes (alert_id, revision);

-- grain: one silence; one that is over is kept as long as alerts are.
CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    matchers TEXT NOT NULL,        -- JSON list of texts, as rules/silence.py reads them
    starts_us INTEGER NOT NULL,
    ends_us INTEGER NOT NULL,      -- also of one that was ended before its time
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    ended_by TEXT NOT NULL         -- who ended it before its time; '': nobody
) WITHOUT ROWID;

PRAGMA user_version = 7;
COMMIT;
