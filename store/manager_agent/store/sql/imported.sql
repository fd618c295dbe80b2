-- name: imported
-- grain: one call that was imported before, among those in the registered table `offered`
SELECT call_id FROM imported_calls
WHERE ts BETWEEN $low AND $high AND call_id IN (SELECT call_id FROM offered);
