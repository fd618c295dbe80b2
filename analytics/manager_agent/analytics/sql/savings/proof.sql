-- name: proof
-- grain: one agent and model, before calls that another suggestion claims are taken out
-- columns: calls; cost_usd of them; low_usd, high_usd of it that could be saved
{asked}
SELECT
    agent, provider, model, count(*) AS calls, CAST(sum(cost) / 1000000000 AS DOUBLE) AS cost_usd,
    round(sum(cost * greatest(0, least(1, claims.low, claims.high))) / 1000000000, 6) AS low_usd,
    round(sum(cost * greatest(0, least(1, claims.high))) / 1000000000, 6) AS high_usd
FROM asked JOIN ({claims}) AS claims ON claims.call_id = asked.call_id
WHERE claims.high > 0
GROUP BY ALL
