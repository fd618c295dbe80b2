"""REST, SQL and metrics over HTTP."""
