-- One row: ok, or one for each fault. Reads every page of the file and of its log.
PRAGMA integrity_check;
