-- name: schema_version
-- The table of migrations that were applied, what is in it, and one more row for it.
CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER, name VARCHAR, applied_ts TIMESTAMP);
SELECT version FROM schema_migrations;
INSERT INTO schema_migrations VALUES ($version, $name, $applied);
