-- name: 0003_imports
-- grain: one call that `manager-agent import` took in; kept when the call itself is archived or
--   dropped, so that the same file imported again adds nothing, ever.
CREATE TABLE imported_calls (
    call_id VARCHAR,           -- of the row's content and its number among equal rows
    ts TIMESTAMP               -- start of the call, UTC
);
