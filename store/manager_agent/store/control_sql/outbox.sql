-- The messages to people and how far each has come.

-- name: queue
-- A key that is there already was said already.
INSERT INTO outbox (key, document, state, attempts, queued_us, due_us)
VALUES (:key, :document, 'pending', 0, :now_us, :now_us)
ON CONFLICT (key) DO NOTHING;

-- name: revive
UPDATE outbox SET state = 'pending', attempts = 0, due_us = :now_us, done_us = NULL
WHERE state = 'given_up';

-- name: counts
SELECT state, count(*) FROM outbox GROUP BY state;

-- name: given_up
SELECT key, error, attempts, done_us FROM outbox WHERE state = 'given_up' ORDER BY seq;

-- name: prune
-- The last 500 reports stay, whatever the clock says: a clock that jumps ahead and back would have
-- them told twice.
DELETE FROM outbox
WHERE state = 'sent' AND done_us < :before_us AND (
    substr(key, 1, 7) <> 'report:'
    OR seq <= (SELECT seq FROM outbox WHERE substr(key, 1, 7) = 'report:' ORDER BY seq DESC LIMIT 1 OFFSET 500)
);
