"""Reports to people: when each is due, what it tells, and how it is drawn."""
