-- Budgets that replace configured ones, and the audit of what was commanded.

-- name: overrides
SELECT agent, limits FROM budget_overrides ORDER BY agent;

-- name: override
INSERT INTO budget_overrides (agent, limits, set_us) VALUES (:agent, :limits, :set_us)
ON CONFLICT (agent) DO UPDATE SET limits = excluded.limits, set_us = excluded.set_us;

-- name: remove
DELETE FROM budget_overrides WHERE agent = :agent;

-- name: record
-- Two events never have one time: it is what the copy for SQL users goes by.
INSERT INTO control_events (ts_us, kind, subject, actor, detail)
SELECT max(:ts_us, coalesce(max(ts_us) + 1, 0)), :kind, :subject, :actor, :detail
FROM control_events;

-- name: since
SELECT ts_us, kind, subject, actor, detail FROM control_events WHERE ts_us > :ts_us ORDER BY ts_us;
