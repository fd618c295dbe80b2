-- name: 0007_turns
-- What a request adds to the one before it, as a keyed digest: loops whose requests grow show it.

-- Both tables in the same order: a call is moved from one to the other column by column.
ALTER TABLE calls_open ADD COLUMN turn_digest VARCHAR;  -- NULL: its first turn, or not known
ALTER TABLE calls_sealed ADD COLUMN turn_digest VARCHAR;
