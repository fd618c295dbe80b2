-- Circuit breakers.

-- name: breakers
SELECT agent, provider, family, phase, reason, since_us, until_us, openings, good,
       held, held_until_us, held_by, held_why
FROM breakers ORDER BY agent, provider, family;

-- name: keep_breaker
INSERT INTO breakers (agent, provider, family, phase, reason, since_us, until_us, openings, good,
                      held, held_until_us, held_by, held_why)
VALUES (:agent, :provider, :family, :phase, :reason, :since_us, :until_us, :openings, :good,
        :held, :held_until_us, :held_by, :held_why)
ON CONFLICT (agent, provider, family) DO UPDATE SET
    phase = excluded.phase, reason = excluded.reason, since_us = excluded.since_us,
    until_us = excluded.until_us, openings = excluded.openings, good = excluded.good,
    held = excluded.held, held_until_us = excluded.held_until_us, held_by = excluded.held_by,
    held_why = excluded.held_why;

-- name: forget_breaker
DELETE FROM breakers WHERE agent = :agent AND provider = :provider AND family = :family;
