-- The budget authority's rows: each is written as a whole, under its key.
--
-- Accounts and leases come as one JSON array of rows, each an array of its columns: they are what a
-- batch is made of, and each statement that runs lets go of the interpreter and waits for it again.

-- name: keep_account
INSERT INTO ledger_accounts (
    scope, name, period, unit, start_us, end_us, amount, enforcement, settled, doubt, outstanding,
    used_1, used_2, used_3, used_4, external, excess
)
SELECT
    json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
    json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'),
    json_extract(value, '$[9]'), json_extract(value, '$[10]'), json_extract(value, '$[11]'),
    json_extract(value, '$[12]'), json_extract(value, '$[13]'), json_extract(value, '$[14]'),
    json_extract(value, '$[15]'), json_extract(value, '$[16]')
FROM json_each(?)
WHERE true
ON CONFLICT DO UPDATE SET
    end_us = excluded.end_us, amount = excluded.amount, enforcement = excluded.enforcement,
    settled = excluded.settled, doubt = excluded.doubt, outstanding = excluded.outstanding,
    used_1 = excluded.used_1, used_2 = excluded.used_2, used_3 = excluded.used_3,
    used_4 = excluded.used_4, external = excluded.external, excess = excluded.excess;

-- name: keep_holder
INSERT INTO ledger_holders (
    id, host, boot_id, pid, guard_version, environment, opened_us, closed_us, reason
)
VALUES (
    :id, :host, :boot_id, :pid, :guard_version, :environment, :opened_us, :closed_us, :reason
)
ON CONFLICT DO UPDATE SET closed_us = excluded.closed_us, reason = excluded.reason;

-- name: keep_lease
INSERT INTO ledger_leases (
    id, holder, agent, unit, priority, accounts, ends_us, offline, granted, returned, settled,
    calls, estimated, closed
)
SELECT
    json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
    json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'),
    json_extract(value, '$[9]'), json_extract(value, '$[10]'), json_extract(value, '$[11]'),
    json_extract(value, '$[12]'), json_extract(value, '$[13]')
FROM json_each(?)
WHERE true
ON CONFLICT DO UPDATE SET
    accounts = excluded.accounts, ends_us = excluded.ends_us, granted = excluded.granted,
    returned = excluded.returned, settled = excluded.settled, calls = excluded.calls,
    estimated = excluded.estimated, closed = excluded.closed;

-- name: keep_charged
INSERT INTO ledger_charged (key, agent, unit, at_us, total, period)
VALUES (:key, :agent, :unit, :at_us, :total, :period)
ON CONFLICT DO UPDATE SET total = excluded.total;

-- name: keep_limit
INSERT INTO ledger_limits (scope, name, period, unit, amount)
VALUES (:scope, :name, :period, :unit, :amount)
ON CONFLICT DO UPDATE SET amount = excluded.amount;

-- name: keep_paused
INSERT INTO ledger_paused (scope, name, reason, by_whom, since_us)
VALUES (:scope, :name, :reason, :by, :since_us)
ON CONFLICT DO UPDATE SET
    reason = excluded.reason, by_whom = excluded.by_whom, since_us = excluded.since_us;

-- name: drop_limit
DELETE FROM ledger_limits
WHERE (scope, name, period, unit) = (:scope, :name, :period, :unit);

-- name: keep_budget
INSERT INTO ledger_budgets (agent, limits, set_us) VALUES (:agent, :limits, :set_us)
ON CONFLICT (agent) DO UPDATE SET limits = excluded.limits, set_us = excluded.set_us;

-- name: drop_budget
DELETE FROM ledger_budgets WHERE agent = :agent;

-- name: keep_addition
INSERT INTO ledger_additions (
    id, scope, name, period, unit, start_us, amount, until_us, by_whom, ended
)
VALUES (:id, :scope, :name, :period, :unit, :start_us, :amount, :until_us, :by, :ended)
ON CONFLICT DO UPDATE SET ended = excluded.ended;

-- name: keep_event
-- Two events never have one time: it is what the copy for SQL users goes by.
INSERT INTO control_events (ts_us, kind, subject, actor, detail)
SELECT max(:at_us, coalesce(max(ts_us) + 1, 0)), :kind, :subject, :by, :detail
FROM control_events;

-- name: accounts
-- Those that may still change, and those that a lease with something left draws on.
SELECT scope, name, period, unit, start_us, end_us, amount, enforcement, settled, doubt,
       used_1, used_2, used_3, used_4, external, excess
FROM ledger_accounts
WHERE end_us >= :since_us
   OR (scope, name, period, unit, start_us) IN (
       SELECT json_extract(one.value, '$[0]'), json_extract(one.value, '$[1]'),
              json_extract(one.value, '$[2]'), json_extract(one.value, '$[3]'),
              json_extract(one.value, '$[4]')
       FROM ledger_leases, json_each(ledger_leases.accounts) AS one
       WHERE returned + settled < granted
   );

-- name: leases
-- The newest is always there: ids are never used again.
SELECT id, holder, agent, unit, priority, accounts, ends_us, offline, granted, returned, settled,
       calls, estimated, closed
FROM ledger_leases
WHERE returned + settled < granted
   OR ends_us >= :since_us
   OR id = (SELECT max(id) FROM ledger_leases)
ORDER BY id;

-- name: holders
-- Open ones, and those closed of late or with something in doubt; others are fenced as unknown.
SELECT id, host, boot_id, pid, guard_version, environment, opened_us, closed_us, reason
FROM ledger_holders
WHERE closed_us IS NULL
   OR closed_us >= :since_us
   OR id IN (SELECT holder FROM ledger_leases WHERE returned + settled < granted);

-- name: charged
-- Of windows that may still change: a day is 25 hours at most, a month 31 days and one.
SELECT key, agent, unit, at_us, total, period
FROM ledger_charged
WHERE at_us >= :since_us - CASE period
    WHEN 'hour' THEN 3600000000 WHEN 'day' THEN 90000000000 WHEN 'month' THEN 2764800000000 ELSE 0
END;

-- name: limits
SELECT scope, name, period, unit, amount FROM ledger_limits;

-- name: paused
SELECT scope, name, reason, by_whom, since_us FROM ledger_paused WHERE since_us IS NOT NULL;

-- name: budgets
SELECT agent, limits, set_us FROM ledger_budgets ORDER BY agent;

-- name: additions
-- Those of windows that may still change.
SELECT id, scope, name, period, unit, start_us, amount, until_us, by_whom, ended
FROM ledger_additions
WHERE (scope, name, period, unit, start_us) IN (
    SELECT scope, name, period, unit, start_us FROM ledger_accounts WHERE end_us >= :since_us
);

-- name: prune_additions
DELETE FROM ledger_additions
WHERE (scope, name, period, unit, start_us) NOT IN (
    SELECT scope, name, period, unit, start_us FROM ledger_accounts WHERE end_us >= :since_us
);

-- name: prune_leases
-- Those of which nothing can come any more: used up, or in doubt of windows that are long over.
-- Never the newest, for its id must not be used again.
DELETE FROM ledger_leases
WHERE ends_us < :since_us
  AND id < (SELECT max(id) FROM ledger_leases)
  AND (
      returned + settled = granted
      OR NOT EXISTS (
          SELECT 1
          FROM json_each(ledger_leases.accounts) AS one
          INNER JOIN ledger_accounts AS account
              ON account.scope = json_extract(one.value, '$[0]')
             AND account.name = json_extract(one.value, '$[1]')
             AND account.period = json_extract(one.value, '$[2]')
             AND account.unit = json_extract(one.value, '$[3]')
             AND account.start_us = json_extract(one.value, '$[4]')
          WHERE account.end_us >= :doubt_us
      )
  );

-- name: prune_accounts
-- Those that are over, unless a lease that may still change draws on them.
DELETE FROM ledger_accounts
WHERE end_us < :since_us
  AND (scope, name, period, unit, start_us) NOT IN (
      SELECT json_extract(one.value, '$[0]'), json_extract(one.value, '$[1]'),
             json_extract(one.value, '$[2]'), json_extract(one.value, '$[3]'),
             json_extract(one.value, '$[4]')
      FROM ledger_leases, json_each(ledger_leases.accounts) AS one
      WHERE returned + settled < granted
  );

-- name: prune_holders
-- Who comes back after that is unknown, and its leases are, too.
DELETE FROM ledger_holders
WHERE closed_us < :since_us AND id NOT IN (SELECT holder FROM ledger_leases);

-- name: prune_charged
-- Never one of a window that may still change: its total would be charged again as a whole.
DELETE FROM ledger_charged
WHERE at_us < :since_us - CASE period
    WHEN 'hour' THEN 3600000000 WHEN 'day' THEN 90000000000 WHEN 'month' THEN 2764800000000 ELSE 0
END;

-- name: prune_paused
DELETE FROM ledger_paused WHERE since_us IS NULL;
