-- name: settled_rows
-- grain: a row of the files {paths}
UNION ALL BY NAME
SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false)
