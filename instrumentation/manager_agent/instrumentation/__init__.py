"""Inside the agent: calls are metered, spans go out."""
