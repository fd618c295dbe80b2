-- name: begin
-- The copy to write, with the storage version that DuckDB 1.5 and 2.0 share; {path} is quoted.
ATTACH '{path}' AS backup_next (READ_WRITE, STORAGE_VERSION 'v1.5.0');
