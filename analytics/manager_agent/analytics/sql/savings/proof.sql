-- name: proof
-- grain: one agent and model whose calls could be cheaper, before calls that another suggestion
--   claims are taken out
-- columns: calls; cost_usd of them; low_usd, high_usd that could be saved in the range
SELECT
    agent, provider, model, count(*) AS calls, sum(cost_usd) AS cost_usd,
    round(sum(cost_usd * low), 6) AS low_usd, round(sum(cost_usd * high), 6) AS high_usd
FROM ({claims}) AS claims
GROUP BY agent, provider, model
ORDER BY high_usd DESC
