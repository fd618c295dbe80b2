-- name: bounds
-- grain: one row: the earliest and the latest ts of the rows of one day of {table} from row id {first} on
SELECT min(ts) AS earliest, max(ts) AS latest
FROM {table}
WHERE rowid >= {first} AND ts >= TIMESTAMP '{low}' AND ts < TIMESTAMP '{high}';
