-- name: free_spend
-- grain: one agent that spent from $start to before $end, of $agents, which are separated by
--   chr(31), or of all if that is empty
-- columns: agent; free_nano, known cost of calls without a lease in USD; ceiling_tokens, tokens of
--   such calls without a price; free_tokens, tokens of calls without a lease in tokens;
--   leased_nano, leased_tokens, the same of calls with one
SELECT
    agent, CAST(sum(free_nano) AS BIGINT) AS free_nano,
    CAST(sum(ceiling_tokens) AS BIGINT) AS ceiling_tokens,
    CAST(sum(free_tokens) AS BIGINT) AS free_tokens,
    CAST(sum(leased_nano + stood_in_nano) AS BIGINT) AS leased_nano,
    CAST(sum(leased_tokens) AS BIGINT) AS leased_tokens
FROM spend_deltas
WHERE ts >= $start AND ts < $end AND ($agents = '' OR agent IN (SELECT unnest(string_split($agents, chr(31)))))
GROUP BY agent;
