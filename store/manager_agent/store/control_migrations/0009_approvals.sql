-- name: 0009_approvals
-- Why people are asked, what they may choose, allowances, and what was approved beyond a limit.
-- Amounts: nano-USD. Times: microseconds since 1970, UTC.
BEGIN IMMEDIATE;

ALTER TABLE approvals ADD COLUMN reason TEXT NOT NULL DEFAULT '' CHECK (
    reason IN ('', 'cost', 'model', 'agent', 'tool', 'priority', 'budget')
);
ALTER TABLE approvals ADD COLUMN limit_name TEXT NOT NULL DEFAULT '';  -- that is used up
ALTER TABLE approvals ADD COLUMN priority INTEGER NOT NULL DEFAULT 4;  -- of the agent, then
ALTER TABLE approvals ADD COLUMN low_nano INTEGER NOT NULL DEFAULT 0;  -- 0: nobody knows
ALTER TABLE approvals ADD COLUMN tools TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN cheaper TEXT NOT NULL DEFAULT '';  -- a model; '': none
ALTER TABLE approvals ADD COLUMN cheaper_nano INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN choice TEXT NOT NULL DEFAULT '' CHECK (
    choice IN ('', 'once', 'amount', 'cheaper', 'deny')
);
ALTER TABLE approvals ADD COLUMN until_us INTEGER;  -- of an allowance
ALTER TABLE approvals ADD COLUMN drawn_nano INTEGER NOT NULL DEFAULT 0 CHECK (
    drawn_nano = 0 OR drawn_nano <= amount_nano
);
ALTER TABLE approvals ADD COLUMN drawn_from TEXT NOT NULL DEFAULT '';  -- an allowance; '': none
ALTER TABLE approvals ADD COLUMN shown INTEGER NOT NULL DEFAULT 1;  -- to people, who were asked
CREATE INDEX approvals_until ON approvals (until_us) WHERE until_us IS NOT NULL;

-- grain: one sum that may be spent beyond a limit, in one of its windows.
CREATE TABLE ledger_additions (
    id TEXT PRIMARY KEY,           -- of the approval
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    period TEXT NOT NULL,
    unit TEXT NOT NULL,
    start_us INTEGER NOT NULL,     -- of the window
    amount INTEGER NOT NULL CHECK (amount > 0),
    until_us INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    ended INTEGER NOT NULL CHECK (ended IN (0, 1))  -- 1: it counts no more
) WITHOUT ROWID;

PRAGMA user_version = 9;
COMMIT;
