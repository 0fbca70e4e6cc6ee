"""The gate: rules about a run and its baseline, and what they come to. A pure function of what is on disk."""
