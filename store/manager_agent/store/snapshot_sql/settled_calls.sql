-- name: settled_calls
-- grain: a version in the files {paths} that was not taken back; a join, since DuckDB keeps all rows of
--   the files in memory for NOT EXISTS
UNION ALL BY NAME
SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false) AS sealed
ANTI JOIN internal.calls_retracted AS r
    ON r.call_id = sealed.call_id AND r.revision = sealed.revision
