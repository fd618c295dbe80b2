-- name: kept_view
-- Defines anew what is kept of a table, here and in the archive.
-- {view}: of KEPT in archive.py; {parts}: here.sql and archived.sql.
CREATE OR REPLACE VIEW {view} AS {parts};
