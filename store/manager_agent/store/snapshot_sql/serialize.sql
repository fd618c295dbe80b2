-- name: serialize
-- grain: one row: the syntax tree of the statement $text as JSON, or an error where it is no SELECT.
SELECT json_serialize_sql(CAST($text AS VARCHAR)) AS tree;
