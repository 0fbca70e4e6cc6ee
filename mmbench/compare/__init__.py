"""Runs joined by the ids of their units: what differs, how sure that is, and what keeps two runs from being compared."""
