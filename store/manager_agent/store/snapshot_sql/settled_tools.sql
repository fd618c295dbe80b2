-- name: settled_tools
-- grain: a version in the files {paths} that was not taken back
UNION ALL BY NAME
SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false) AS sealed
WHERE NOT EXISTS (
    SELECT 1 FROM internal.tools_retracted AS r
    WHERE r.tool_call_key = sealed.tool_call_key AND r.revision = sealed.revision
)
