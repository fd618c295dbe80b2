-- name: 0005_breakers
-- Circuit breakers, and calls that wait for people. Amounts: nano-USD. Times: microseconds since
-- 1970, UTC.
BEGIN IMMEDIATE;

-- grain: one breaker that is not closed by itself.
CREATE TABLE breakers (
    agent TEXT NOT NULL,           -- either an agent, or a provider and a model family
    provider TEXT NOT NULL,
    family TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('closed', 'open', 'half_open')),
    reason TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,     -- when calls are tried again
    openings INTEGER NOT NULL,     -- without having closed for good in between
    good INTEGER NOT NULL,         -- probes in a row that succeeded
    held TEXT CHECK (held IN ('open', 'closed')),  -- by people; NULL: by nobody
    held_until_us INTEGER,         -- NULL: until it is reset
    held_by TEXT,
    held_why TEXT,
    PRIMARY KEY (agent, provider, family),
    CHECK ((agent = '') <> (provider = '' AND family = ''))
) WITHOUT ROWID;

-- grain: one question of an agent.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,     -- the same for the same request of the same agent
    agent TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    operation TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    bound_nano INTEGER NOT NULL,   -- most that the call may cost; 0: nobody knows
    holder TEXT NOT NULL,          -- the process that asked first
    asked_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired')),
    amount_nano INTEGER NOT NULL,  -- most that was approved, for one call
    decided_us INTEGER CHECK ((decided_us IS NULL) = (state = 'pending')),
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL,
    used_us INTEGER,
    used_by TEXT NOT NULL          -- the question that it was given to; '': not used yet
) WITHOUT ROWID;
CREATE INDEX approvals_pending ON approvals (asked_us) WHERE state = 'pending';
CREATE INDEX approvals_decided ON approvals (decided_us);

PRAGMA user_version = 5;
COMMIT;
