-- name: usual
-- grain: one agent, provider and model of $usual, a list of JSON objects
-- columns: as {columns} tells their names and types
SELECT unnest(from_json($usual, '[{columns}]'), recursive := true)
