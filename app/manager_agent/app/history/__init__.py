"""Usage of the past, from the files that other tools export."""
