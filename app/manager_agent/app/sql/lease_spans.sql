-- name: lease_spans
-- grain: one of $leases, and who held it, that calls since $since were charged to
-- columns: lease; holder; calls; spent, nano-USD, what its guard settled standing in where the cost is not
--   known, or tokens
SELECT
    usd_lease AS lease, holder, count(*) AS calls,
    CAST(sum(CAST(coalesce(cost_usd, settled_usd, 0) AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0))) AS BIGINT) AS spent
FROM llm_calls
WHERE ts >= $since AND list_contains($leases, usd_lease)
GROUP BY usd_lease, holder
UNION ALL
SELECT
    token_lease, holder, count(*),
    CAST(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS BIGINT)
FROM llm_calls
WHERE ts >= $since AND list_contains($leases, token_lease)
GROUP BY token_lease, holder;
