"""The error for an option that a model does not have."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import UnknownNameError
from mmbench.core.requests import SETTINGS


def unknown_option_of(model: str, name: str, known: Sequence[str]) -> UnknownNameError:
    """Make the error; it names the command's own option where that is what the user means.

    Args:
        model: The model's name.
        name: What was given.
        known: The options that the model has.

    Returns:
        The error, to be raised.
    """
    if name in SETTINGS:
        hint, known = f"It is an option of the command: --{name.replace('_', '-')}.", ()
    else:
        hint = f"It has: {', '.join(known)}." if known else "It has none."
    return UnknownNameError(f"option of model {model!r}:", name, known, hint=hint)
