"""Keeps what the other parts define: facts in DuckDB, control state in SQLite."""
