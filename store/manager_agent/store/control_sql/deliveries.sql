-- How far each message has come at each notifier.

-- name: due
-- grain: a message that `notifier` is to have; columns: document, attempts, queued_us.
-- None passes an earlier one of its own alert that a failure holds up.
SELECT o.document, coalesce(d.attempts, 0), o.queued_us
FROM outbox AS o LEFT JOIN deliveries AS d ON d.key = o.key AND d.notifier = :notifier
WHERE o.state = 'pending' AND coalesce(d.state, 'pending') = 'pending'
    AND coalesce(d.due_us, o.due_us) <= :now_us
    AND NOT EXISTS (
        SELECT 1 FROM deliveries AS f CROSS JOIN outbox AS e ON e.key = f.key
        WHERE f.notifier = :notifier AND f.state = 'pending' AND NOT f.held
            AND f.due_us > :now_us AND e.seq < o.seq
            AND json_extract(e.document, '$.alert_id') = json_extract(o.document, '$.alert_id')
            AND json_extract(o.document, '$.alert_id') <> ''
    )
ORDER BY o.seq
LIMIT :limit;

-- name: done
INSERT INTO deliveries (key, notifier, state, attempts, due_us, held, error)
VALUES (:key, :notifier, :state, 1, :now_us, 0, :error)
ON CONFLICT (key, notifier) DO UPDATE SET
    state = excluded.state, attempts = attempts + 1, held = 0, error = excluded.error;

-- name: supersede
-- What quiet hours held of an alert is stale once a later message of it got through.
UPDATE deliveries SET state = 'skipped'
WHERE notifier = :notifier AND state = 'pending' AND held AND key IN (
    SELECT e.key FROM outbox AS e, outbox AS o
    WHERE o.key = :key AND e.seq < o.seq AND e.state = 'pending'
        AND json_extract(e.document, '$.alert_id') = json_extract(o.document, '$.alert_id')
        AND json_extract(o.document, '$.alert_id') <> ''
);

-- name: settle
-- What every notifier of the JSON array `everyone` is done with is due no more.
UPDATE outbox SET
    state = iif(EXISTS (
        SELECT 1 FROM deliveries AS d WHERE d.key = outbox.key AND d.state = 'refused'
    ), 'given_up', 'sent'),
    error = (
        SELECT group_concat(d.notifier || ': ' || d.error, '; ') FROM deliveries AS d
        WHERE d.key = outbox.key AND d.state = 'refused'
    ),
    attempts = coalesce((SELECT max(d.attempts) FROM deliveries AS d WHERE d.key = outbox.key), 0),
    done_us = :now_us
WHERE state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM json_each(:everyone) AS wanted
    WHERE NOT EXISTS (
        SELECT 1 FROM deliveries AS d
        WHERE d.key = outbox.key AND d.notifier = wanted.value AND d.state <> 'pending'
    )
);

-- name: put_off
INSERT INTO deliveries (key, notifier, state, attempts, due_us, held, error)
VALUES (:key, :notifier, 'pending', :tries, :due_us, :held, :error)
ON CONFLICT (key, notifier) DO UPDATE SET
    attempts = attempts + :tries, due_us = excluded.due_us, held = excluded.held,
    error = excluded.error;

-- name: revive
DELETE FROM deliveries WHERE state = 'refused';
