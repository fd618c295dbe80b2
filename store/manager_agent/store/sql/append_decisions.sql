-- name: append_decisions
-- grain: one decision on one call, from the registered table `decided`
INSERT INTO decisions (ts, agent, decision, reason, limit_name, limit_usd, spent_usd, reserved_usd, call_id)
SELECT ts, agent, decision, reason, limit_name,
    CAST(CAST(limit_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    CAST(CAST(spent_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    CAST(CAST(reserved_nano AS DECIMAL(28, 0)) * CAST(0.000000001 AS DECIMAL(10, 9)) AS DECIMAL(18, 9)),
    call_id
FROM decided;
