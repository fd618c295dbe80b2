-- name: 0008_issues
-- Groups of similar errors. Times are microseconds since 1970, UTC. Documents are JSON, written and
-- read by rules/issues/document.py.
BEGIN IMMEDIATE;

-- grain: one issue as it is now, or that it is gone: document NULL.
CREATE TABLE issues (
    issue_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,     -- of the last version that others are told of
    document TEXT
) WITHOUT ROWID;
CREATE INDEX issues_changed ON issues (revision);

-- grain: one template of errors, a part of an issue.
CREATE TABLE issue_patterns (
    pattern_id TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;

-- grain: one error of the last hour that was counted, so that it is counted once.
CREATE TABLE issue_errors (
    key TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;

-- grain: one row: errors that began at or before are final.
CREATE TABLE issue_horizon (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    horizon_us INTEGER NOT NULL
);

PRAGMA user_version = 8;
COMMIT;
