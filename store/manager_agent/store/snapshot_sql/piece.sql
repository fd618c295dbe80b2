-- name: piece
-- Writes the rows of {table} from row id {first} on that lie between {earliest} and {latest}. By row
-- ids alone DuckDB would look at every row group, and keep in memory what describes its columns.
COPY (
    SELECT {columns} FROM {table}
    WHERE rowid >= {first} AND ts BETWEEN TIMESTAMP '{earliest}' AND TIMESTAMP '{latest}'
) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 61440);
