-- name: asked
-- What the kinds look at: the calls from {since} to before {until} of {whose} that were paid for, and
-- what is known of each, as common table expressions that a SELECT follows.
-- {rates}: per provider and model what 100,000 tokens cost: input, read from the cache, written to
-- it, output, and both of the cheaper model beside it; any unit, all the same. {usual}: per agent,
-- provider and model what prompts.sql, patient.sql, polls.sql found.
-- calls: grain: one such call; cost nano-USD; looked false for the ten minutes before
-- asked: grain: one such call whose tokens are no sums or guesses; input, output, cached, reasoning
--   tokens, NULL unknown; tools whether tools ran in its trace or it asked for one; alone in its
--   trace; discounted: served at a tier of half the price; before, itself, anyone: when the agent last
--   asked the model anything, the agent the same, anybody the same; saved: share of its cost that the
--   cheaper model's list price would save, NULL where there is none
WITH rates (provider, model, input_rate, cached_rate, written_rate, output_rate, other_input, other_output)
AS (VALUES {rates}),
usual (agent, provider, model, usual, shortest, reported, patient, said) AS ({usual}),
calls AS MATERIALIZED (
    SELECT
        call_id, ts, agent, provider, coalesce(response_model, request_model) AS model,
        CAST(CAST(cost_usd AS DECIMAL(38, 9)) * 1000000000 AS BIGINT) AS cost, status = 'ok' AS ok, ts >= {since} AS looked,
        coalesce(usage_estimated, false) AS guessed, CAST(input_tokens AS DOUBLE) AS input,
        CAST(output_tokens AS DOUBLE) AS output, CAST(cache_read_tokens AS DOUBLE) AS cached,
        reasoning_tokens AS reasoning, trace_id,
        coalesce(regexp_matches(lower(finish_reason), 'tool|function'), false) AS calls_tool,
        coalesce(lower(service_tier) IN ('batch', 'flex'), false) AS discounted,
        CASE WHEN status = 'ok' AND prompt_digest IS NOT NULL
            THEN hash(provider, coalesce(response_model, request_model), prompt_digest) END AS same,
        lag(ts) OVER (
            PARTITION BY agent, provider, coalesce(response_model, request_model), status
            ORDER BY ts, call_id
        ) AS before
    FROM llm_calls
    WHERE ts >= {since} - INTERVAL 10 MINUTE AND ts < {until} AND cost_usd > 0 AND {whose}
),
heard AS (
    SELECT call_id, ts, agent, hash(provider, coalesce(response_model, request_model), prompt_digest) AS same
    FROM llm_calls
    WHERE ts >= {since} - INTERVAL 1 DAY AND ts < {until} AND cost_usd > 0 AND status = 'ok'
        AND prompt_digest IS NOT NULL
        AND hash(provider, coalesce(response_model, request_model), prompt_digest)
            IN (SELECT same FROM calls WHERE looked AND same IS NOT NULL)
),
again AS (
    SELECT
        call_id, lag(ts) OVER (PARTITION BY same ORDER BY ts, call_id) AS anyone,
        lag(ts) OVER (PARTITION BY same, agent ORDER BY ts, call_id) AS itself
    FROM heard
    WHERE same IN (SELECT same FROM heard GROUP BY same HAVING count(*) > 1)
),
tooled AS (
    SELECT DISTINCT trace_id
    FROM tool_calls
    WHERE ts >= {since} - INTERVAL 1 HOUR AND ts < {until} + INTERVAL 1 HOUR
        AND trace_id IN (SELECT trace_id FROM calls WHERE trace_id IS NOT NULL)
),
chained AS (
    SELECT trace_id FROM calls WHERE trace_id IS NOT NULL GROUP BY trace_id HAVING count(*) > 1
),
asked AS MATERIALIZED (
    SELECT
        calls.call_id, calls.ts, calls.agent, calls.provider, calls.model, calls.cost, calls.ok,
        calls.input, calls.output, calls.cached, calls.reasoning, calls.discounted, calls.before,
        again.itself, again.anyone, calls.calls_tool OR tooled.trace_id IS NOT NULL AS tools,
        chained.trace_id IS NULL AS alone,
        usual.usual, usual.shortest, usual.reported, usual.patient, usual.said,
        rates.input_rate, rates.cached_rate, rates.written_rate, rates.output_rate,
        greatest(0, 1 - (calls.input * rates.other_input + calls.output * rates.other_output)
            / nullif(calls.input * rates.input_rate + calls.output * rates.output_rate, 0)) AS saved
    FROM calls
    LEFT JOIN rates ON rates.provider = calls.provider AND rates.model = calls.model
    LEFT JOIN usual
        ON usual.agent IS NOT DISTINCT FROM calls.agent
        AND usual.provider IS NOT DISTINCT FROM calls.provider
        AND usual.model IS NOT DISTINCT FROM calls.model
    LEFT JOIN again ON again.call_id = calls.call_id
    LEFT JOIN tooled ON tooled.trace_id = calls.trace_id
    LEFT JOIN chained ON chained.trace_id = calls.trace_id
    WHERE calls.looked AND NOT calls.guessed
)
