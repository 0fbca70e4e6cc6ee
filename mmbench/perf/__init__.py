"""Clocks, memory and the machine: how fast it was, and whether that figure may be quoted."""
