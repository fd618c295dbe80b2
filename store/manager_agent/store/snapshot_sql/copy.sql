-- name: copy
-- What users query, copied in one transaction: one moment of all tables.
-- Parameters: $spans_since spans older than this stay out; $data_until, $seq describe the copy.

-- grain: this file. All that was stored at data_until (UTC) is in it.
CREATE TABLE snapshot_next.snapshot_info AS
SELECT CAST($data_until AS TIMESTAMP) AS data_until, CAST($seq AS BIGINT) AS seq;

CREATE TABLE snapshot_next.llm_calls AS SELECT * FROM llm_calls;
CREATE TABLE snapshot_next.tool_calls AS SELECT * FROM tool_calls;
CREATE TABLE snapshot_next.spans AS
SELECT * EXCLUDE (fact) FROM spans WHERE ts >= CAST($spans_since AS TIMESTAMP);
CREATE TABLE snapshot_next.usage_minute AS SELECT * FROM usage_minute;
CREATE TABLE snapshot_next.usage_hour AS SELECT * FROM usage_hour;
CREATE TABLE snapshot_next.usage_day AS SELECT * FROM usage_day;
CREATE TABLE snapshot_next.alerts AS SELECT * FROM alerts;
CREATE TABLE snapshot_next.decisions AS SELECT * FROM decisions;
CREATE TABLE snapshot_next.issues AS SELECT * FROM issues;
CREATE TABLE snapshot_next.control_events AS SELECT * FROM control_events;
