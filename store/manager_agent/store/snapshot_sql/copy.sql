-- name: copy
-- What changes still, copied whole in one transaction: one moment of all tables. Calls and spans
-- lie in Parquet files (pieces.py), here are their columns; views.sql makes the views of both.
-- {calls}, {tools}, {spans}: columns that users see.
-- Parameters: $recent minutes and hours before it are in files; $data_until, $seq describe the copy.

-- grain: this file. All that was stored at data_until (UTC) is in it.
CREATE TABLE snapshot_next.snapshot_info AS
SELECT CAST($data_until AS TIMESTAMP) AS data_until, CAST($seq AS BIGINT) AS seq;

CREATE SCHEMA snapshot_next.internal;
CREATE TABLE snapshot_next.internal.llm_calls AS SELECT {calls} FROM calls_open LIMIT 0;
CREATE TABLE snapshot_next.internal.tool_calls AS SELECT {tools} FROM tools_open LIMIT 0;
CREATE TABLE snapshot_next.internal.spans AS SELECT {spans} FROM spans LIMIT 0;
CREATE TABLE snapshot_next.internal.calls_retracted AS SELECT call_id, revision FROM calls_retracted;
CREATE TABLE snapshot_next.internal.tools_retracted AS
SELECT tool_call_key, revision FROM tools_retracted;
CREATE TABLE snapshot_next.internal.usage_minute AS
SELECT * FROM usage_minute WHERE ts >= CAST($recent AS TIMESTAMP);
CREATE TABLE snapshot_next.internal.usage_hour AS
SELECT * FROM usage_hour WHERE ts >= CAST($recent AS TIMESTAMP);
CREATE TABLE snapshot_next.usage_day AS SELECT * FROM usage_day;
CREATE TABLE snapshot_next.alerts AS SELECT * FROM alerts;
CREATE TABLE snapshot_next.alert_changes AS SELECT * FROM alert_changes;
CREATE TABLE snapshot_next.decisions AS SELECT * FROM decisions;
CREATE TABLE snapshot_next.issues AS SELECT * FROM issues;
CREATE TABLE snapshot_next.control_events AS SELECT * FROM control_events;
