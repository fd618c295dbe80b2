-- name: use
-- Makes names without a database mean those of {database}: each new connection begins in memory.
USE "{database}";
