-- name: next_row
-- grain: one row: the row id that the next insert into {table} gets at least
SELECT coalesce(max(rowid), -1) + 1 AS next_row FROM {table};
