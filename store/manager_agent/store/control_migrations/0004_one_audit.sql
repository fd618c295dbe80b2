-- name: 0004_one_audit
-- One audit and one authority: the ledger's events stand with all others in control_events.
BEGIN IMMEDIATE;

-- After all that was copied for SQL users already: the copy goes by the time.
INSERT INTO control_events (ts_us, kind, subject, actor, detail)
SELECT
    max(at_us, coalesce((SELECT max(ts_us) + 1 FROM control_events), 0))
        + row_number() OVER (ORDER BY seq),
    kind, subject, by_whom, json_object('before', before, 'after', after, 'why', why)
FROM ledger_events
ORDER BY seq;

DROP TABLE ledger_events;

-- Names as they are where the other tables of the ledger are.
ALTER TABLE budget_overrides RENAME TO ledger_budgets;

-- For pruning: what ended long ago is looked for by its time.
CREATE INDEX ledger_holders_closed ON ledger_holders (closed_us) WHERE closed_us IS NOT NULL;
CREATE INDEX ledger_charged_at ON ledger_charged (at_us);

PRAGMA user_version = 4;
COMMIT;
