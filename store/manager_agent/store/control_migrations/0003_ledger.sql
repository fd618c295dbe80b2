-- name: 0003_ledger
-- The budget authority. Amounts: nano-USD or tokens, by the unit. Times: microseconds since 1970, UTC.
BEGIN IMMEDIATE;

-- grain: one limit in one of its windows.
-- The first CHECK is the invariant of budgets: only a reason that no grant has, which is counted in
-- `excess`, may take what is used above a limit that binds.
CREATE TABLE ledger_accounts (
    scope TEXT NOT NULL CHECK (scope IN ('agent', 'group', 'fleet')),
    name TEXT NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('hour', 'day', 'month')),
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')),
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    amount INTEGER,                -- the limit; NULL: none any more
    enforcement TEXT NOT NULL CHECK (enforcement IN ('hard', 'firm', 'soft', 'observe')),
    settled INTEGER NOT NULL,      -- known to be spent
    doubt INTEGER NOT NULL CHECK (doubt >= 0),
    outstanding INTEGER NOT NULL CHECK (outstanding >= 0),
    used_1 INTEGER NOT NULL,       -- settled, doubt and outstanding, by priority
    used_2 INTEGER NOT NULL,
    used_3 INTEGER NOT NULL,
    used_4 INTEGER NOT NULL,
    external INTEGER NOT NULL,     -- the part of settled without a guard, or by correction
    excess INTEGER NOT NULL CHECK (excess >= 0),
    PRIMARY KEY (scope, name, period, unit, start_us),
    CHECK (enforcement IN ('soft', 'observe') OR amount IS NULL
           OR settled + doubt + outstanding <= amount + excess),
    CHECK (settled + doubt + outstanding = used_1 + used_2 + used_3 + used_4)
) WITHOUT ROWID;
CREATE INDEX ledger_accounts_end ON ledger_accounts (end_us);

-- grain: one epoch of one process.
CREATE TABLE ledger_holders (
    id TEXT PRIMARY KEY,           -- UUID 7
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    guard_version TEXT NOT NULL,
    environment TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    closed_us INTEGER,             -- given up; kept, so that it is known when it comes back
    reason TEXT NOT NULL
) WITHOUT ROWID;

-- grain: money in the hands of one holder for one agent and unit, for one set of windows.
CREATE TABLE ledger_leases (
    id INTEGER PRIMARY KEY,
    holder TEXT NOT NULL REFERENCES ledger_holders (id),
    agent TEXT NOT NULL,
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')),
    priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 4),
    accounts TEXT NOT NULL,        -- JSON: the keys of the accounts that it draws on
    ends_us INTEGER NOT NULL,      -- the end of the first of its windows
    offline INTEGER NOT NULL CHECK (offline IN (0, 1)),
    granted INTEGER NOT NULL,
    returned INTEGER NOT NULL CHECK (returned >= 0),
    settled INTEGER NOT NULL CHECK (settled >= 0),
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,    -- the part of settled that is an estimate
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    CHECK (returned + settled <= granted)
);
CREATE INDEX ledger_leases_open ON ledger_leases (ends_us) WHERE returned + settled < granted;
CREATE INDEX ledger_leases_of ON ledger_leases (holder);

-- grain: what spans without a guard add up to under one key, such as an agent's minute.
CREATE TABLE ledger_charged (
    key TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')),
    at_us INTEGER NOT NULL,
    total INTEGER NOT NULL
) WITHOUT ROWID;

-- grain: one limit that people set in place of the configured one.
CREATE TABLE ledger_limits (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    period TEXT NOT NULL,
    unit TEXT NOT NULL,
    amount INTEGER,                -- NULL: no limit
    PRIMARY KEY (scope, name, period, unit)
) WITHOUT ROWID;

-- grain: what is paused, or was.
CREATE TABLE ledger_paused (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    since_us INTEGER,              -- NULL: it was resumed
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;

-- grain: one change that people will ask about; only ever added to.
CREATE TABLE ledger_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL
);

PRAGMA user_version = 3;
COMMIT;
