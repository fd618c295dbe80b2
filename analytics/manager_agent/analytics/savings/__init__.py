"""Where money could be saved: claims on calls, each with the query that proves it."""
