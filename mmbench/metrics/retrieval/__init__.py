"""Retrieval: exact ranks in bounded memory, and what every metric makes of them.

`ranks` counts what stands above and beside each positive and says what is guaranteed; `expected` turns counts into the scores
of queries, under a rule for ties; `metrics` declares the metrics over them, under a protocol. `mmbench.metrics` exports them.
"""
