-- name: 0001_spine
-- What the receiver writes. Append-only, without keys or indexes (docs/decisions/0002-append-only.md).
-- Times are UTC, ids lowercase hex, money USD. Users query the views of analytics/, not these tables.

-- grain: one span as received, attributes already freed of content.
CREATE TABLE spans (
    trace_id VARCHAR,          -- 32 hex digits
    span_id VARCHAR,           -- 16 hex digits
    parent_span_id VARCHAR,    -- NULL at a root
    ts TIMESTAMP,              -- start
    end_ts TIMESTAMP,
    duration_ms DOUBLE,
    span_name VARCHAR,
    kind VARCHAR,              -- internal, server, client, producer, consumer
    status VARCHAR,            -- unset, ok, error
    status_message VARCHAR,    -- secrets masked, at most 500 characters
    service VARCHAR,           -- resource service.name
    environment VARCHAR,       -- resource deployment.environment.name
    scope VARCHAR,             -- instrumentation scope name
    role VARCHAR,              -- call, agent, workflow, tool, genai (other GenAI spans), NULL
    agent VARCHAR,             -- what this span itself says of its agent
    response_id VARCHAR,       -- the provider's id, where this span claims a call
    call_id VARCHAR,           -- our own guard's id of that call
    process VARCHAR,           -- identity of the sending process
    attributes VARCHAR,        -- JSON object
    fact VARCHAR,              -- JSON: what recognition read off this span; NULL where role is NULL
    received_ts TIMESTAMP
);

-- grain: one version of one call whose merge window is open; the highest revision wins.
CREATE TABLE calls_open (
    call_id VARCHAR, revision BIGINT, retracted BOOLEAN,
    ts TIMESTAMP, duration_ms DOUBLE, agent VARCHAR, service VARCHAR, environment VARCHAR,
    provider VARCHAR, operation VARCHAR, request_model VARCHAR, response_model VARCHAR,
    input_tokens BIGINT, output_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
    reasoning_tokens BIGINT, total_tokens BIGINT,
    cost_usd DECIMAL(18, 9), cost_source VARCHAR, status VARCHAR, error_type VARCHAR,
    error_message VARCHAR, http_status INTEGER, streaming BOOLEAN, finish_reason VARCHAR,
    conversation_id VARCHAR, user_id VARCHAR, trace_id VARCHAR, span_id VARCHAR,
    response_id VARCHAR, emitters VARCHAR, prompt_digest VARCHAR, guarded BOOLEAN,
    usage_estimated BOOLEAN,            -- a client's guess, not the provider's count
    reported_cost_usd DECIMAL(18, 9),   -- what the emitter said it cost
    cost_by_provider BOOLEAN,           -- whether the provider said so
    service_tier VARCHAR,
    cache_write_1h_tokens BIGINT
);

-- grain: one revision of one call, final when its merge window closed.
CREATE TABLE calls_sealed AS SELECT * EXCLUDE (retracted) FROM calls_open;

-- grain: one sealed revision that a later one replaces (the minus row of a correction).
CREATE TABLE calls_retracted (call_id VARCHAR, revision BIGINT, ts TIMESTAMP);

-- grain: one version of one tool call whose merge window is open.
CREATE TABLE tools_open (
    tool_call_key VARCHAR, revision BIGINT, retracted BOOLEAN,
    ts TIMESTAMP, duration_ms DOUBLE, agent VARCHAR, service VARCHAR, environment VARCHAR,
    tool VARCHAR, tool_call_id VARCHAR, status VARCHAR, error_type VARCHAR, error_message VARCHAR,
    arguments_digest VARCHAR, result_digest VARCHAR, conversation_id VARCHAR,
    trace_id VARCHAR, span_id VARCHAR
);
CREATE TABLE tools_sealed AS SELECT * EXCLUDE (retracted) FROM tools_open;
CREATE TABLE tools_retracted (tool_call_key VARCHAR, revision BIGINT, ts TIMESTAMP);

-- grain: one signed change of one (bucket, agent, provider, model); summed by the usage_* views.
CREATE TABLE usage_minute_deltas (
    ts TIMESTAMP, agent VARCHAR, provider VARCHAR, response_model VARCHAR,
    calls BIGINT, errors BIGINT, input_tokens BIGINT, output_tokens BIGINT,
    cache_read_tokens BIGINT, cache_write_tokens BIGINT, cost_usd DECIMAL(38, 9),
    unpriced_calls BIGINT, duration_ms_sum DOUBLE
);
CREATE TABLE usage_hour_deltas AS SELECT * FROM usage_minute_deltas;
CREATE TABLE usage_day_deltas AS SELECT * FROM usage_minute_deltas;

-- grain: one change of state of one alert; mirrored from the control database for SQL users.
CREATE TABLE alert_events (
    alert_id VARCHAR, revision BIGINT, ts TIMESTAMP, rule VARCHAR, agent VARCHAR,
    severity VARCHAR, state VARCHAR, title VARCHAR, message VARCHAR,
    resolved_ts TIMESTAMP, evidence VARCHAR
);

-- grain: one refused, held or allowed call that a decision was taken on; never a row of llm_calls.
CREATE TABLE decisions (
    ts TIMESTAMP, agent VARCHAR, decision VARCHAR, reason VARCHAR, limit_name VARCHAR,
    limit_usd DECIMAL(18, 9), spent_usd DECIMAL(18, 9), reserved_usd DECIMAL(18, 9), call_id VARCHAR
);

-- grain: one version of one group of similar errors.
CREATE TABLE issues (
    issue_id VARCHAR, kind VARCHAR, title VARCHAR, tldr VARCHAR, first_seen TIMESTAMP,
    last_seen TIMESTAMP, count BIGINT, agents VARCHAR, cost_usd DECIMAL(18, 9), state VARCHAR
);

-- grain: one change of control state (budget set, breaker opened, ...).
CREATE TABLE control_events (ts TIMESTAMP, kind VARCHAR, subject VARCHAR, actor VARCHAR, detail VARCHAR);
