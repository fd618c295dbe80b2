-- name: prompt_caching
-- grain: one call with a long prompt of which little came from the provider's cache, made within
--   five minutes of the one before it by the same agent to the same model
-- columns: low, high: shares of its cost that could be saved. The prefix that calls share is taken
--   to be a quarter to all of the shortest prompts (the tenth percentile) of the agent and model; the
--   low one has every second call write to the cache at what that costs more, and is 0 where no call
--   of the agent told what it read from the cache: it may have done so unseen
SELECT
    call_id,
    CASE WHEN reported THEN greatest(0, shortest * 0.25 - coalesce(cached, 0))
        * (input_rate - cached_rate - greatest(0, written_rate - input_rate))
        / nullif(input * input_rate + coalesce(output, 0) * output_rate, 0) ELSE 0 END AS low,
    greatest(0, shortest - coalesce(cached, 0)) * (input_rate - cached_rate)
        / nullif(input * input_rate + coalesce(output, 0) * output_rate, 0) AS high
FROM asked
WHERE ok AND ts - before <= INTERVAL 5 MINUTE AND shortest >= 1024 AND input > 0
    AND coalesce(cached, 0) < shortest * 0.5
