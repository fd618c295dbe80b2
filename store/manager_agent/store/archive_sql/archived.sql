-- name: archived
-- grain: a row of Parquet files with the same columns; {paths} in quotes
SELECT * FROM read_parquet([{paths}], hive_partitioning = false)
