-- name: 0002_archive
-- Days that moved from these tables to Parquet files, and what is kept of each table in both places.

-- grain: one Parquet file of the archive that counts; a file that is not listed here is not data.
CREATE TABLE archive_files (
    table_name VARCHAR,        -- spans, calls_sealed, tools_sealed
    day DATE,                  -- UTC, of all ts in it
    part INTEGER,              -- counts up where more arrived of a day that was sealed before
    path VARCHAR,              -- relative to the data directory, with slashes
    rows BIGINT,
    bytes BIGINT,
    tokens BIGINT,             -- sum of what calls know; NULL where the table has none
    cost_usd DECIMAL(38, 9),   -- sum of what calls cost; NULL where the table has none
    min_ts TIMESTAMP,
    max_ts TIMESTAMP,
    schema_version INTEGER,    -- of the tables when it was written
    sha256 VARCHAR,
    sealed_ts TIMESTAMP
);

-- What is kept: these rows and those of the archive. The store defines them anew, with the paths of
-- the files, whenever it opens the database or seals a day.
CREATE VIEW spans_kept AS SELECT * FROM spans;
CREATE VIEW calls_kept AS SELECT * FROM calls_sealed;
CREATE VIEW tools_kept AS SELECT * FROM tools_sealed;
