-- name: spent_quarters
-- grain: one quarter of an hour (UTC) from $since on in which something was spent
SELECT DISTINCT ts FROM spend_deltas WHERE ts >= $since ORDER BY ts;
