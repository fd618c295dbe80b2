-- name: checkpoint
-- Moves the copy into the file proper, so that a full disk is noticed before the rename.
CHECKPOINT snapshot_next;
