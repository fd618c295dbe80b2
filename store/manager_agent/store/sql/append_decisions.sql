-- name: append_decisions
-- grain: one decision on one call, from the registered table `decided`
INSERT INTO decisions (ts, agent, decision, reason, limit_name, limit_usd, spent_usd, reserved_usd, call_id)
SELECT ts, agent, decision, reason, limit_name,
    CAST(limit_nano AS DECIMAL(28, 9)) / 1000000000,
    CAST(spent_nano AS DECIMAL(28, 9)) / 1000000000,
    CAST(reserved_nano AS DECIMAL(28, 9)) / 1000000000,
    call_id
FROM decided;
