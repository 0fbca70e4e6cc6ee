"""Load scenarios of ``--perf full``: how requests arrive, when to stop, and whether what was measured may be quoted."""
