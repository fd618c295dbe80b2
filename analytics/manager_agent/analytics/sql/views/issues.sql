-- name: issues
-- grain: one group of similar errors
-- columns: first_seen, last_seen UTC; count errors so far; agents names, the one with most errors
--   first; cost_usd of its failed calls, NULL where no cost is known; state
--   'new'|'ongoing'|'regressed'|'resolved'; priority 1 critical to 4 low; template the masked message
--   of most of its errors; last_call_id its newest call in llm_calls
CREATE OR REPLACE VIEW issues AS
SELECT
    issue_id, kind, title, tldr, first_seen, last_seen, count, agents, cost_usd, state, priority,
    provider, model_family, tool, error_type, http_status, template, resolved_by, last_call_id
FROM (
    SELECT * FROM issue_events
    QUALIFY row_number() OVER (PARTITION BY issue_id ORDER BY revision DESC) = 1
) AS latest
WHERE count > 0;
