-- name: settled_tools
-- grain: a version in the files {paths} that was not taken back; a join, since DuckDB keeps all rows of
--   the files in memory for NOT EXISTS
UNION ALL BY NAME
SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false) AS sealed
ANTI JOIN internal.tools_retracted AS r
    ON r.tool_call_key = sealed.tool_call_key AND r.revision = sealed.revision
