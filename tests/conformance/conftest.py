"""The conformance tests need what users of vision-language models have: transformers and torchvision."""

from importlib.util import find_spec

import pytest

NEEDED = ("torch", "torchvision", "transformers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, saying why, where a package is not installed; `.ci/architectures` installs them all."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    for item in items:
        if missing and "conformance" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}: .ci/architectures"))
