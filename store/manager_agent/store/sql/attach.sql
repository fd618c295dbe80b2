-- name: attach
-- Opens the facts in an instance that is in memory, since only ATTACH takes a size of row groups:
-- docs/decisions/0019-row-groups.md. Storage v1.5.0 is read by DuckDB 1.5 and 2.0.
-- {path}: the file, quotes doubled; {database}: what the database is called in it.
ATTACH '{path}' AS "{database}" (READ_WRITE, STORAGE_VERSION 'v1.5.0', ROW_GROUP_SIZE 16384);
