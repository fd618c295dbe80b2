-- name: 0004_leases
-- Which calls a guard charged to leases, and what is spent without one.

-- Both tables in the same order: a call is moved from one to the other column by column.
ALTER TABLE calls_open ADD COLUMN holder VARCHAR;       -- whose lease; NULL where no guard said so
ALTER TABLE calls_open ADD COLUMN usd_lease BIGINT;     -- NULL: nothing bounded it in USD
ALTER TABLE calls_open ADD COLUMN token_lease BIGINT;   -- NULL: nothing bounded it in tokens
ALTER TABLE calls_open ADD COLUMN settled_usd DECIMAL(18, 9);   -- what the guard charged
ALTER TABLE calls_sealed ADD COLUMN holder VARCHAR;
ALTER TABLE calls_sealed ADD COLUMN usd_lease BIGINT;
ALTER TABLE calls_sealed ADD COLUMN token_lease BIGINT;
ALTER TABLE calls_sealed ADD COLUMN settled_usd DECIMAL(18, 9);

-- grain: one signed change of one quarter of an hour (UTC) of one agent.
CREATE TABLE spend_deltas (
    ts TIMESTAMP,
    agent VARCHAR,
    free_nano BIGINT,          -- known cost of calls without a lease in USD, nano-USD
    ceiling_tokens BIGINT,     -- tokens of such calls that no price is known for
    free_tokens BIGINT,        -- tokens of calls without a lease in tokens
    leased_calls BIGINT,       -- with a lease in USD
    leased_nano BIGINT,        -- what they cost, where that is known
    stood_in_nano BIGINT,      -- what their guards settled where it is not
    settled_nano BIGINT,       -- what their guards settled for all of them
    leased_tokens BIGINT       -- tokens of calls with a lease in tokens
);

-- No call of before had a lease.
INSERT INTO spend_deltas
SELECT
    time_bucket(INTERVAL 15 MINUTE, ts), agent,
    CAST(CAST(sum(cost_usd) AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS BIGINT),
    CAST(coalesce(sum(input_tokens + output_tokens) FILTER (WHERE unpriced_calls <> 0), 0) AS BIGINT),
    CAST(sum(input_tokens + output_tokens) AS BIGINT), 0, 0, 0, 0, 0
FROM usage_minute_deltas
GROUP BY 1, 2;
