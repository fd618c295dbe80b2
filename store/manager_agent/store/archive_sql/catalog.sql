-- name: catalog
-- grain: one row: the name of the open database
SELECT current_database() AS name;
