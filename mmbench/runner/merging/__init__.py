"""From the shards of a run to the run: which fit together, what they answered, and the scores of the whole."""
