-- Silences; columns as in the migration.

-- name: silences
-- The one that began last first.
SELECT id, matchers, starts_us, ends_us, by_whom, why, created_us, ended_by FROM silences
ORDER BY starts_us DESC, id;

-- name: add
INSERT INTO silences (id, matchers, starts_us, ends_us, by_whom, why, created_us, ended_by)
VALUES (:id, :matchers, :starts_us, :ends_us, :by, :why, :created_us, '');

-- name: end
UPDATE silences SET ends_us = max(:now_us, created_us), ended_by = :by
WHERE id = :id AND ends_us > :now_us;

-- name: prune
DELETE FROM silences WHERE ends_us < :before_us;
