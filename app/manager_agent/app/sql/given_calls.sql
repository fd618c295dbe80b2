-- name: given_calls
-- grain: one call of the registered table `given`
INSERT INTO calls_sealed BY NAME SELECT * FROM given;
