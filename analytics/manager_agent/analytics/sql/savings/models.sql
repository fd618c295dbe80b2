-- name: models
-- grain: one provider and model that was called from {since} to before {until}
-- columns: provider, model
SELECT DISTINCT provider, response_model AS model
FROM usage_hour
WHERE ts >= {since} AND ts < {until} AND provider IS NOT NULL AND response_model IS NOT NULL
ORDER BY provider, model
