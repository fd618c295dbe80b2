-- name: calls_sealed
-- What is sealed of calls_sealed: the statements that count, write, and delete one slice of a day.
-- A version that was taken back ends here, with the row that took it back.
-- Parameters: $low, $high the slice, $high excluded; $settled versions that are newer stay.

-- grain: one hour before $high with rows that may be sealed
SELECT date_trunc('hour', ts) AS hour, count(*) AS rows
FROM calls_sealed
WHERE ts < $high AND revision < epoch_us($settled)
GROUP BY 1
ORDER BY 1;

-- grain: one row: rows in the slice, of which taken back; then sums and range of the others
SELECT
    count(*) AS rows, count(r.revision) AS taken_back,
    sum(total_tokens) FILTER (WHERE r.revision IS NULL) AS tokens,
    sum(cost_usd) FILTER (WHERE r.revision IS NULL) AS cost_usd,
    min(s.ts) FILTER (WHERE r.revision IS NULL) AS min_ts,
    max(s.ts) FILTER (WHERE r.revision IS NULL) AS max_ts
FROM calls_sealed AS s
LEFT JOIN calls_retracted AS r ON r.call_id = s.call_id AND r.revision = s.revision
WHERE s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled);

COPY (
    SELECT s.* FROM calls_sealed AS s
    WHERE s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled)
        AND NOT EXISTS (
            SELECT 1 FROM calls_retracted AS r
            WHERE r.call_id = s.call_id AND r.revision = s.revision
        )
    ORDER BY s.ts
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440);

DELETE FROM calls_retracted WHERE EXISTS (
    SELECT 1 FROM calls_sealed AS s
    WHERE s.call_id = calls_retracted.call_id AND s.revision = calls_retracted.revision
        AND s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled)
);

DELETE FROM calls_sealed WHERE ts >= $low AND ts < $high AND revision < epoch_us($settled);
