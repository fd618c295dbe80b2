-- name: 0010_delivery
-- How far each message has come at each notifier, and where it stands in Slack. Times are
-- microseconds since 1970, UTC.
BEGIN IMMEDIATE;

-- grain: one message at one notifier that has tried it, holds it or is done with it.
CREATE TABLE deliveries (
    key TEXT NOT NULL,             -- of the outbox
    notifier TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'refused', 'skipped')),
    attempts INTEGER NOT NULL,     -- made so far
    due_us INTEGER NOT NULL,       -- not to be tried before
    held INTEGER NOT NULL,         -- 1: waits for the end of quiet hours, not for a failure
    error TEXT,
    PRIMARY KEY (key, notifier)
) WITHOUT ROWID;

CREATE TRIGGER outbox_forgotten AFTER DELETE ON outbox BEGIN
    DELETE FROM deliveries WHERE key = OLD.key;
END;

-- grain: one post in Slack: a message's card or its reply in the thread.
CREATE TABLE slack_posts (
    key TEXT NOT NULL,             -- of the message
    target TEXT NOT NULL,          -- channel as it is configured
    part TEXT NOT NULL,            -- card, reply
    alert_id TEXT NOT NULL,        -- whose card it is; empty where nothing follows
    tried_us INTEGER NOT NULL,
    channel TEXT,                  -- Slack's id; NULL while nobody knows whether it was posted
    ts TEXT,                       -- Slack's name of the post, as above
    PRIMARY KEY (key, target, part)
) WITHOUT ROWID;
CREATE INDEX slack_posts_of ON slack_posts (alert_id, target, tried_us);

PRAGMA user_version = 10;
COMMIT;
