-- name: settled_calls
-- grain: a version in the files {paths} that was not taken back
UNION ALL BY NAME
SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false) AS sealed
WHERE NOT EXISTS (
    SELECT 1 FROM internal.calls_retracted AS r
    WHERE r.call_id = sealed.call_id AND r.revision = sealed.revision
)
