-- name: append_imported
-- grain: one imported call, from the registered table `imported`
INSERT INTO imported_calls (call_id, ts) SELECT call_id, ts FROM imported;
