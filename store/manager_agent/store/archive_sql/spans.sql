-- name: spans
-- What is sealed of spans: the statements that count, write, and delete one slice of a day.
-- Parameters: $low, $high the slice, $high excluded; $settled rows that arrived later stay.

-- grain: one hour before $high with rows that may be sealed
SELECT date_trunc('hour', ts) AS hour, count(*) AS rows
FROM spans
WHERE ts < $high AND received_ts < $settled
GROUP BY 1
ORDER BY 1;

-- grain: one row: rows in the slice, of which taken back; then sums and range of the others
SELECT
    count(*) AS rows, 0 AS taken_back, NULL AS tokens, NULL AS cost_usd, min(ts) AS min_ts,
    max(ts) AS max_ts
FROM spans
WHERE ts >= $low AND ts < $high AND received_ts < $settled;

COPY (
    SELECT * FROM spans WHERE ts >= $low AND ts < $high AND received_ts < $settled ORDER BY ts
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440);

DELETE FROM spans WHERE ts >= $low AND ts < $high AND received_ts < $settled;
