-- name: tables
-- grain: one table of the database {name}
SELECT table_name FROM duckdb_tables()
WHERE database_name = '{name}' AND NOT internal AND NOT temporary ORDER BY table_name;
