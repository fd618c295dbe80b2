-- name: manifest
-- The list of the archive's files: read, added to, and freed of days before $before.

-- grain: one file that counts
SELECT
    table_name, day, part, path, rows, bytes, tokens, cost_usd, min_ts, max_ts, schema_version, sha256,
    sealed_ts
FROM archive_files
ORDER BY table_name, day, part;

INSERT INTO archive_files (
    table_name, day, part, path, rows, bytes, tokens, cost_usd, min_ts, max_ts, schema_version, sha256,
    sealed_ts
) VALUES (
    $table_name, $day, $part, $path, $rows, $bytes, $tokens, $cost_usd, $min_ts, $max_ts,
    $schema_version, $sha256, $sealed_ts
);

DELETE FROM archive_files WHERE day < $before;
