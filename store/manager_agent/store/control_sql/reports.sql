-- Reports in the outbox: what was told under which key.

-- name: keys
-- The keys of all reports of a kind, in the order they were made; those made by hand are not among them.
SELECT key FROM outbox WHERE substr(key, 1, length(:prefix)) = :prefix ORDER BY seq;
