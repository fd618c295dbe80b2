-- name: open_piece
-- Writes the newest versions in {table}, which change still, by {key}. Few have several: so older
-- ones are taken out by their names, which takes half the time of a window function that sorts all
-- columns of all calls. A file takes half the time of a table of the file being published.
COPY (
    SELECT {columns}
    FROM {table} AS o
    ANTI JOIN (
        SELECT {key}, max(revision) AS newest FROM {table} GROUP BY {key} HAVING count(*) > 1
    ) AS n ON o.{key} = n.{key} AND o.revision < n.newest
    WHERE NOT retracted
) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 61440);
