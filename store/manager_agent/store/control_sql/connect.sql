-- FULL: a commit is on the disk before it is answered, in WAL mode too.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 10000;
