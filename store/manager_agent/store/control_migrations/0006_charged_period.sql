-- name: 0006_charged_period
-- Which limits a charge is for: those of one period, in the window that begins at at_us.
BEGIN IMMEDIATE;
ALTER TABLE ledger_charged ADD COLUMN period TEXT CHECK (period IN ('hour', 'day', 'month'));
PRAGMA user_version = 6;
COMMIT;
