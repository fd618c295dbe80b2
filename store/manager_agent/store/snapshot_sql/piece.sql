-- name: piece
-- Writes the rows of one day of {table} from row id {first} on.
COPY (
    SELECT {columns} FROM {table}
    WHERE rowid >= {first} AND ts >= TIMESTAMP '{low}' AND ts < TIMESTAMP '{high}'
) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 61440);
