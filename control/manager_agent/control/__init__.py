"""The budget authority."""
