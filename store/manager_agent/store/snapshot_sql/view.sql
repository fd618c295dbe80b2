-- name: view
-- What users query: the rows in this file, then {more}: rows in Parquet files, by settled_*.sql.
CREATE VIEW {view} AS SELECT * FROM internal.{view}{more};
