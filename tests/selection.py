"""Which modules `pytest -m` need not import: importing all of them takes half a minute in each worker."""

import re
from pathlib import Path

import pytest

SLOW_AS_A_WHOLE = re.compile(r"^pytestmark = \[?pytest\.mark\.slow\b", re.MULTILINE)
SPELT_OUT = {"slow", "elsewhere", "nightly", "training", "gpu"}
"""Markers that nothing but the module itself gives to its tests, unlike ``shared_data``, which comes with the fixture."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore a module that has no test to offer.

    For "not slow" that is a module whose tests are all slow; for markers that modules spell out, such as "slow" or "training or
    nightly", one that never names any of them. Every other expression imports everything.
    """
    expression = config.option.markexpr
    markers = set(expression.split(" or "))
    if collection_path.suffix != ".py" or not (expression == "not slow" or markers <= SPELT_OUT):
        return None
    text = collection_path.read_text("utf-8")
    if expression == "not slow":
        useless = SLOW_AS_A_WHOLE.search(text) is not None
    else:
        useless = not any(f"mark.{marker}" in text for marker in markers)
    return True if useless else None
