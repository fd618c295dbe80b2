-- name: model_downgrade
-- grain: one simple call of a model that has a cheaper one beside it: short prompt and answer, no
--   reasoning, and no tool called in its trace
-- columns: low, high: shares of its cost that could be saved, at list prices of today; the low one
--   is that of three calls in ten
WITH cheaper (provider, model, other, input, output, other_input, other_output) AS (VALUES {cheaper})
SELECT
    call_id, agent, c.provider, c.model, cost_usd,
    0.3 * saved AS low, saved AS high
FROM (
    SELECT
        calls.call_id, calls.agent, calls.cost_usd, c.provider, c.model,
        greatest(0, 1 - (input_tokens * other_input + output_tokens * other_output)
            / nullif(input_tokens * input + output_tokens * output, 0)) AS saved
    FROM llm_calls AS calls JOIN cheaper AS c
        ON c.provider = calls.provider
        AND c.model = coalesce(calls.response_model, calls.request_model)
    WHERE ts >= $since AND ts < $until AND cost_usd > 0 AND status = 'ok'
        AND input_tokens BETWEEN 1 AND 4000 AND output_tokens BETWEEN 1 AND 200
        AND coalesce(reasoning_tokens, 0) = 0
        AND NOT EXISTS (
            SELECT 1 FROM tool_calls AS t
            WHERE t.trace_id = calls.trace_id AND t.ts >= $since AND t.ts < $until
        )
) AS c
WHERE saved > 0
