-- name: begin_log
-- Any change: the log of a fresh copy begins with it.
CREATE TABLE begin_log (nothing INTEGER);
