-- name: attach_past
-- Opens the snapshot {path} beside the database in memory.
ATTACH '{path}' AS past (READ_ONLY);
