"""Tables of runs: one model of a table, several renderers."""
