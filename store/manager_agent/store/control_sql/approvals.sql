-- Calls that wait for people.

-- name: approvals
SELECT id, fingerprint, agent, provider, model, operation, conversation_id, bound_nano, holder,
       asked_us, expires_us, state, amount_nano, decided_us, by_whom, why, used_us, used_by,
       reason, limit_name, priority, low_nano, tools, cheaper, cheaper_nano, choice, until_us,
       drawn_nano, drawn_from, shown
FROM approvals
WHERE state = 'pending' OR decided_us > :since_us OR until_us > :since_us
ORDER BY asked_us, id;

-- name: keep_approval
-- A question that was answered is never answered otherwise.
INSERT INTO approvals (id, fingerprint, agent, provider, model, operation, conversation_id,
                       bound_nano, holder, asked_us, expires_us, state, amount_nano, decided_us,
                       by_whom, why, used_us, used_by, reason, limit_name, priority, low_nano,
                       tools, cheaper, cheaper_nano, choice, until_us, drawn_nano, drawn_from,
                       shown)
VALUES (:id, :fingerprint, :agent, :provider, :model, :operation, :conversation_id,
        :bound_nano, :holder, :asked_us, :expires_us, :state, :amount_nano, :decided_us,
        :by, :why, :used_us, :used_by, :reason, :limit_name, :priority, :low_nano,
        :tools, :cheaper, :cheaper_nano, :choice, :until_us, :drawn_nano, :drawn_from, :shown)
ON CONFLICT (id) DO UPDATE SET
    expires_us = excluded.expires_us, state = excluded.state, amount_nano = excluded.amount_nano,
    decided_us = excluded.decided_us, by_whom = excluded.by_whom, why = excluded.why,
    used_us = excluded.used_us, used_by = excluded.used_by, choice = excluded.choice,
    until_us = excluded.until_us, drawn_nano = excluded.drawn_nano,
    drawn_from = excluded.drawn_from
WHERE approvals.state = 'pending' OR approvals.state = excluded.state;
