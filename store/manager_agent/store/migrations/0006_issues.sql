-- name: 0006_issues
-- Groups of similar errors are rows now: versions, of which the view `issues` shows the last.
DROP TABLE issues;

-- grain: one version of one group of similar errors; mirrored from the control database for SQL users.
CREATE TABLE issue_events (
    issue_id VARCHAR, revision BIGINT, kind VARCHAR, title VARCHAR, tldr VARCHAR,
    first_seen TIMESTAMP, last_seen TIMESTAMP,
    count BIGINT,              -- 0: it is gone, since people merged it or its errors were none
    agents VARCHAR,            -- names, the one with most errors first, comma separated
    cost_usd DECIMAL(18, 9),   -- of its failed calls, NULL where no cost is known
    state VARCHAR,             -- new, ongoing, regressed, resolved
    priority INTEGER,          -- 1 critical to 4 low
    provider VARCHAR, model_family VARCHAR, tool VARCHAR, error_type VARCHAR, http_status INTEGER,
    template VARCHAR, resolved_by VARCHAR, last_call_id VARCHAR
);
