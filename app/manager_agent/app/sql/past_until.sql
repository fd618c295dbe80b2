-- name: past_until
-- grain: one row: all that was stored at data_until (UTC) is in the snapshot
SELECT data_until FROM past.snapshot_info;
