-- name: deeds
-- grain: one kind of control event, with the word that says how it went, from $start to before $end
-- columns: outcome, the first word of what holds after it; events, how many changed something
SELECT
    kind,
    coalesce(regexp_extract(json_extract_string(detail, '$.after'), '^[a-z_]+'), '') AS outcome,
    count(*) AS events
FROM control_events
WHERE
    ts >= $start AND ts < $end
    AND json_extract_string(detail, '$.before') IS DISTINCT FROM json_extract_string(detail, '$.after')
GROUP BY kind, outcome
ORDER BY kind, outcome;
