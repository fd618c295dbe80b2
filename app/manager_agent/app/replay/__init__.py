"""Rules over the past: what they would have found, tick by tick, and what users expect of them."""
