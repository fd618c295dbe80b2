-- name: read_all
-- The names of all tables; then, for one of them in place of `a_table`, its rows and a digest of
-- all its columns, which takes reading them.
SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY table_name;
SELECT count(*) AS rows_read, bit_xor(hash(t)) AS digest FROM a_table AS t;
