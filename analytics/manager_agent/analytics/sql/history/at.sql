-- name: at
-- Goes to a moment of the past: $now, UTC.
SET VARIABLE now = CAST($now AS TIMESTAMP);
