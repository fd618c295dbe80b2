"""SQL views, rollups and named questions over a connection it is given."""
