-- What the rule engine remembers.

-- name: memory
SELECT document FROM memory WHERE id = 1;

-- name: save_memory
INSERT INTO memory (id, document) VALUES (1, :document)
ON CONFLICT (id) DO UPDATE SET document = excluded.document;
