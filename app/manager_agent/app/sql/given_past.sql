-- name: given_past
-- Makes the database `past` that a test of rules fills, and goes there.
ATTACH ':memory:' AS past;
USE past;
