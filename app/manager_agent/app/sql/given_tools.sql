-- name: given_tools
-- grain: one execution of a tool, of the registered table `given`
INSERT INTO tools_sealed BY NAME SELECT * FROM given;
