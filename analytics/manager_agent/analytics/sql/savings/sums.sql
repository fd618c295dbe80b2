-- name: sums
-- grain: one kind, agent, provider and model; kind NULL: all that the agent spent on the model
-- columns: calls; cost nano-USD of them; low, high nano-USD of it that could be saved. Each call is
--   claimed by the kind that saves most of it, and for no more than it cost
{asked},
claims AS ({claims}),
bounded AS (
    SELECT kind, call_id, least(low, high) AS low, high
    FROM (
        SELECT
            kind, call_id, greatest(0, least(1, coalesce(low, 0))) AS low,
            greatest(0, least(1, coalesce(high, 0))) AS high
        FROM claims
    ) AS shares
    WHERE high > 0
),
one_each AS (
    SELECT kind, call_id, low, high
    FROM bounded
    QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY low + high DESC, kind) = 1
)
SELECT
    one_each.kind, asked.agent, asked.provider, asked.model, count(*) AS calls,
    CAST(sum(asked.cost) AS BIGINT) AS cost,
    CAST(sum(floor(asked.cost * one_each.low)) AS BIGINT) AS low,
    CAST(sum(floor(asked.cost * one_each.high)) AS BIGINT) AS high
FROM one_each JOIN asked ON asked.call_id = one_each.call_id
GROUP BY ALL
UNION ALL
SELECT NULL, agent, provider, model, count(*), CAST(sum(cost) AS BIGINT), 0, 0
FROM calls
WHERE looked
GROUP BY ALL
