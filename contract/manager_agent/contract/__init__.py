"""Words that agents and the manager share."""
