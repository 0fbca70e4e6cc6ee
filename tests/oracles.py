"""Independent implementations that several tests compare with."""

from collections.abc import Sequence
from unittest.mock import patch

from statsmodels.stats.multitest import multipletests


def adjusted(p_values: Sequence[float], method: str) -> list[float]:
    """The p-values as statsmodels adjusts them; without its collection of garbage at each call, which takes a second in a full process."""
    with patch("gc.collect"):
        return list(multipletests(p_values, method=method)[1].tolist())
