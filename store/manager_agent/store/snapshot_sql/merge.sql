-- name: merge
-- Writes the rows of several pieces into one.
COPY (
    SELECT * FROM read_parquet([{paths}], hive_partitioning = false)
) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 61440);
