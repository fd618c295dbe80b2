-- name: polls
-- grain: one agent and model with a cheaper one beside it ({premium}) that asks on a timer and hears
--   the same: of the calls within {stretches} that answered at most 50 tokens beside reasoning, those
--   of the commonest length (3 tokens more or less) are at least 20 over 6 hours, half a minute or
--   more apart, and six in ten of the times between them are the median, a tenth more or less
-- columns: said the length of that answer, tokens; every seconds between the calls
WITH short AS NOT MATERIALIZED (
    SELECT
        agent, provider, coalesce(response_model, request_model) AS model, ts,
        output_tokens - coalesce(reasoning_tokens, 0) AS length
    FROM llm_calls
    WHERE ts >= {since} AND ts < {until} AND ({stretches})
        AND cost_usd > 0 AND status = 'ok' AND NOT coalesce(usage_estimated, false)
        AND output_tokens - coalesce(reasoning_tokens, 0) BETWEEN 1 AND 50
        AND (provider, coalesce(response_model, request_model)) IN (VALUES {premium})
),
lengths AS (SELECT agent, provider, model, length, count(*) AS calls FROM short GROUP BY ALL),
commonest AS (
    SELECT agent, provider, model, length AS said
    FROM lengths
    QUALIFY row_number() OVER (
        PARTITION BY agent, provider, model ORDER BY calls DESC, length
    ) = 1
    AND sum(calls) OVER (PARTITION BY agent, provider, model) BETWEEN 20 AND {seconds} / 15
),
gaps AS (
    SELECT
        short.agent, short.provider, short.model, commonest.said, short.ts,
        date_diff('millisecond', lag(short.ts) OVER (
            PARTITION BY short.agent, short.provider, short.model ORDER BY short.ts
        ), short.ts) / 1000 AS gap
    FROM short JOIN commonest
        ON short.agent IS NOT DISTINCT FROM commonest.agent
        AND short.provider = commonest.provider AND short.model = commonest.model
        AND abs(short.length - commonest.said) <= 3
),
timed AS (
    SELECT
        agent, provider, model, said, median(gap) AS every
    FROM gaps
    GROUP BY agent, provider, model, said
    HAVING count(*) >= 20 AND median(gap) >= 30 AND max(ts) - min(ts) >= INTERVAL 6 HOUR
)
SELECT timed.agent, timed.provider, timed.model, timed.said, timed.every
FROM timed JOIN gaps
    ON gaps.agent IS NOT DISTINCT FROM timed.agent
    AND gaps.provider = timed.provider AND gaps.model = timed.model
GROUP BY timed.agent, timed.provider, timed.model, timed.said, timed.every
HAVING count(*) FILTER (abs(gaps.gap - timed.every) <= 0.1 * timed.every) >= 0.6 * count(gaps.gap)
