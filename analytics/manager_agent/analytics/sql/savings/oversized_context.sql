-- name: oversized_context
-- grain: one call whose prompt is above 20,000 tokens and three times the median of its agent and
--   model, for an answer of less than a fiftieth of it
-- columns: low, high: shares of its cost that could be saved: a quarter to three quarters of the
--   share of the prompt that is above twice the median
SELECT
    call_id, agent, provider, model, cost_usd,
    0.25 * (1 - 2 * usual / prompt) AS low, 0.75 * (1 - 2 * usual / prompt) AS high
FROM (
    SELECT
        call_id, agent, provider, coalesce(response_model, request_model) AS model, cost_usd,
        CAST(input_tokens AS DOUBLE) AS prompt, coalesce(output_tokens, 0) AS answer,
        median(CAST(input_tokens AS DOUBLE)) OVER (
            PARTITION BY agent, provider, coalesce(response_model, request_model)
        ) AS usual
    FROM llm_calls
    WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'ok' AND input_tokens > 0
) AS asked
WHERE prompt >= 20000 AND prompt > 3 * usual AND answer * 50 < prompt
