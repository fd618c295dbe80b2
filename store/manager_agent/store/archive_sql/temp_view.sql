-- name: temp_view
-- Puts what is kept in the place of a table, for one connection: a temporary view is found before
-- the table of the same name.
CREATE TEMP VIEW {view} AS {parts};
