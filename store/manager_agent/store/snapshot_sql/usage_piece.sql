-- name: usage_piece
-- Writes the buckets of {view} before {before}.
COPY (
    SELECT * FROM {view} WHERE ts < TIMESTAMP '{before}' ORDER BY ts
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440);
