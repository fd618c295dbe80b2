-- Groups of similar errors; documents as in rules/issues/document.py.

-- name: issues
SELECT document FROM issues WHERE document IS NOT NULL ORDER BY issue_id;

-- name: patterns
SELECT document FROM issue_patterns ORDER BY pattern_id;

-- name: counted
SELECT document FROM issue_errors ORDER BY key;

-- name: horizon
SELECT
    coalesce((SELECT horizon_us FROM issue_horizon), 0),
    coalesce((SELECT max(revision) FROM issues), 0);

-- name: keep_issue
INSERT INTO issues (issue_id, revision, document) VALUES (:issue_id, :revision, :document)
ON CONFLICT (issue_id) DO UPDATE SET revision = excluded.revision, document = excluded.document;

-- name: keep_pattern
INSERT INTO issue_patterns (pattern_id, document) VALUES (:pattern_id, :document)
ON CONFLICT (pattern_id) DO UPDATE SET document = excluded.document;

-- name: keep_counted
INSERT INTO issue_errors (key, document) VALUES (:key, :document)
ON CONFLICT (key) DO UPDATE SET document = excluded.document;

-- name: keep_horizon
INSERT INTO issue_horizon (id, horizon_us) VALUES (1, :horizon_us)
ON CONFLICT (id) DO UPDATE SET horizon_us = excluded.horizon_us;

-- name: forget_pattern
DELETE FROM issue_patterns WHERE pattern_id = :pattern_id;

-- name: forget_counted
DELETE FROM issue_errors WHERE key = :key;

-- name: prune
-- That an issue is gone need not be known for long.
DELETE FROM issues WHERE document IS NULL AND revision < :before_us;

-- name: changes_since
SELECT issue_id, revision, document FROM issues WHERE revision > :revision ORDER BY revision;
