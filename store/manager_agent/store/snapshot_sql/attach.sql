-- name: attach
-- Adds the file being published to the live instance. Storage v1.5.0 is read by DuckDB 1.5 and 2.0.
-- {path}: the file, quotes doubled (ATTACH takes no parameters).
ATTACH '{path}' AS snapshot_next (STORAGE_VERSION 'v1.5.0');
