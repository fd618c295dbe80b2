"""Outcomes of calls that no guard watched, as their spans tell them."""

SPANS = "spans"
"""The holder in whose name spans tell outcomes: nobody that could be told anything."""
