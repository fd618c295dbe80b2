-- Where messages stand in Slack.

-- name: trying
INSERT INTO slack_posts (key, target, part, alert_id, tried_us)
VALUES (:key, :target, :part, :alert_id, :now_us)
ON CONFLICT (key, target, part) DO NOTHING;

-- name: placed
UPDATE slack_posts SET channel = :channel, ts = :ts
WHERE key = :key AND target = :target AND part = :part;

-- name: forget
DELETE FROM slack_posts WHERE key = :key AND target = :target AND part = :part;

-- name: find
SELECT channel, ts, tried_us FROM slack_posts
WHERE key = :key AND target = :target AND part = :part;

-- name: card
SELECT channel, ts FROM slack_posts
WHERE alert_id = :alert_id AND target = :target AND part = 'card' AND ts IS NOT NULL
ORDER BY tried_us DESC
LIMIT 1;

-- name: channel
SELECT channel FROM slack_posts WHERE target = :target AND channel IS NOT NULL
ORDER BY tried_us DESC
LIMIT 1;

-- name: prune
DELETE FROM slack_posts WHERE tried_us < :before_us;
