-- name: prompt_caching
-- grain: one call with a long prompt of which little came from the provider's cache, made within
--   five minutes of the one before it by the same agent to the same model
-- columns: low, high: shares of its cost that could be saved. The prefix that calls share is taken
--   to be a quarter to all of the shortest prompts (the tenth percentile) of the agent and model.
WITH weights (provider, model, input, cached, output) AS (VALUES {weights}),
asked AS (
    SELECT
        call_id, agent, provider, coalesce(response_model, request_model) AS model, cost_usd, ts,
        CAST(input_tokens AS DOUBLE) AS prompt, coalesce(output_tokens, 0) AS answer,
        CAST(coalesce(cache_read_tokens, 0) AS DOUBLE) AS cached_tokens
    FROM llm_calls
    WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'ok' AND input_tokens > 0
),
close_by AS (
    SELECT
        *, lag(ts) OVER (PARTITION BY agent, provider, model ORDER BY ts, call_id) AS before,
        quantile_cont(prompt, 0.1) OVER (PARTITION BY agent, provider, model) AS shortest
    FROM asked
)
SELECT
    call_id, agent, provider, model, cost_usd,
    greatest(0, least(1, greatest(0, shortest * 0.25 - cached_tokens) * (w.input - w.cached)
        / (prompt * w.input + answer * w.output))) AS low,
    greatest(0, least(1, greatest(0, shortest - cached_tokens) * (w.input - w.cached)
        / (prompt * w.input + answer * w.output))) AS high
FROM close_by JOIN weights AS w USING (provider, model)
WHERE ts - before <= INTERVAL 5 MINUTE AND shortest >= 1024 AND cached_tokens < shortest * 0.5
