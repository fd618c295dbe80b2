-- name: detach
-- Closes the file being published; its write-ahead log is gone with it.
DETACH DATABASE IF EXISTS snapshot_next;
