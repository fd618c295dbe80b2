-- name: end
-- Closes the copy; its log is folded into it.
DETACH backup_next;
