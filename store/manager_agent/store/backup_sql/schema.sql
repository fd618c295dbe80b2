-- name: schema
-- grain: one row: the newest migration of the facts
SELECT max(version) AS version FROM schema_migrations;
