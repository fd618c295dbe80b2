-- name: held
-- grain: one row: the number of rows in the file {path}
SELECT count(*) AS rows FROM read_parquet('{path}', hive_partitioning = false);
