-- name: models
-- grain: one provider and model that was called in the range
-- columns: provider, model
SELECT DISTINCT provider, coalesce(response_model, request_model) AS model
FROM llm_calls
WHERE ts >= $since AND ts < $until AND provider IS NOT NULL
    AND coalesce(response_model, request_model) IS NOT NULL
ORDER BY 1, 2
