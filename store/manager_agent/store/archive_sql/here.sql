-- name: here
-- grain: a row of the table itself; {catalog} empty, or its database and schema
SELECT * FROM {catalog}{table}
