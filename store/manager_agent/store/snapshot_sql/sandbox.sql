-- name: sandbox
-- What a user's query may do to the worker it runs in: nothing but read the open file.
-- The order matters: the last line makes all the others final.
-- {folders}: where the Parquet files lie that the snapshot's views read.
SET memory_limit = '256MB';
SET threads = 1;
SET TimeZone = 'UTC';
SET temp_directory = '';
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET python_enable_replacements = false;
SET allowed_directories = [{folders}];
SET enable_external_access = false;
SET lock_configuration = true;
