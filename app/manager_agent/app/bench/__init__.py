"""Measures a manager on this machine: the load, the exporters that send it, and the figures."""
