-- name: tools_sealed
-- What is sealed of tools_sealed: the statements that count, write, and delete one slice of a day.
-- A version that was taken back ends here, with the row that took it back.
-- Parameters: $low, $high the slice, $high excluded; $settled versions that are newer stay.

-- grain: one hour before $high with rows that may be sealed
SELECT date_trunc('hour', ts) AS hour, count(*) AS rows
FROM tools_sealed
WHERE ts < $high AND revision < epoch_us($settled)
GROUP BY 1
ORDER BY 1;

-- grain: one row: rows in the slice, of which taken back; then sums and range of the others
SELECT
    count(*) AS rows, count(r.revision) AS taken_back,
    NULL AS tokens, NULL AS cost_usd,
    min(s.ts) FILTER (WHERE r.revision IS NULL) AS min_ts,
    max(s.ts) FILTER (WHERE r.revision IS NULL) AS max_ts
FROM tools_sealed AS s
LEFT JOIN tools_retracted AS r ON r.tool_call_key = s.tool_call_key AND r.revision = s.revision
WHERE s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled);

COPY (
    SELECT s.* FROM tools_sealed AS s
    WHERE s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled)
        AND NOT EXISTS (
            SELECT 1 FROM tools_retracted AS r
            WHERE r.tool_call_key = s.tool_call_key AND r.revision = s.revision
        )
    ORDER BY s.ts
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440);

DELETE FROM tools_retracted WHERE EXISTS (
    SELECT 1 FROM tools_sealed AS s
    WHERE s.tool_call_key = tools_retracted.tool_call_key AND s.revision = tools_retracted.revision
        AND s.ts >= $low AND s.ts < $high AND s.revision < epoch_us($settled)
);

DELETE FROM tools_sealed WHERE ts >= $low AND ts < $high AND revision < epoch_us($settled);
