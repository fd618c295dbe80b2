-- name: batch_pricing
-- grain: one call of an agent that nobody waits for, alone in its trace (a batch comes back hours
--   later: what needs an answer to go on cannot wait), served at a tier that is not cheap already
-- columns: low, high: shares of its cost that could be saved; batches cost half
SELECT call_id, 0.4 AS low, 0.5 AS high
FROM asked
WHERE ok AND patient AND alone AND NOT tools AND NOT discounted
    AND provider IN ('openai', 'azure.ai.openai', 'anthropic', 'gcp.gemini', 'gcp.vertex_ai', 'aws.bedrock')
