-- name: 0005_alert_life
-- Why each alert changed, and why people were not told; NULL where it was recorded before that was.
ALTER TABLE alert_events ADD COLUMN changed_ts TIMESTAMP;  -- when it changed, UTC
ALTER TABLE alert_events ADD COLUMN reason VARCHAR;        -- as rules/alert.py names it
ALTER TABLE alert_events ADD COLUMN told BOOLEAN;          -- whether people were told at this change
ALTER TABLE alert_events ADD COLUMN muted_by VARCHAR;      -- alert_id of what explains it
ALTER TABLE alert_events ADD COLUMN muted_why VARCHAR;
ALTER TABLE alert_events ADD COLUMN silenced_by VARCHAR;   -- id of the silence
