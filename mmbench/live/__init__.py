"""The report served live from run directories: one page, read again as runs progress, on loopback only."""
