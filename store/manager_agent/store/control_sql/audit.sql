-- The audit of what was commanded; it is written with what it tells of, by ledger.sql.

-- name: since
SELECT ts_us, kind, subject, actor, detail FROM control_events WHERE ts_us > :ts_us ORDER BY ts_us;
