-- name: copy
-- All tables and views of the moment that is pinned. {name}: the database's name inside DuckDB.
COPY FROM DATABASE {name} TO backup_next;
