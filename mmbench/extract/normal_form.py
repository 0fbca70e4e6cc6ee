"""The normal form in which answers and references are compared."""

from __future__ import annotations

_QUOTES = {('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u00ab", "\u00bb")}


def normalise(text: str) -> str:
    """Bring a text to the form in which answers and references are compared.

    Blanks around it, case, quotation marks around it, and one full stop or exclamation mark at its end are removed.

    Args:
        text: An answer or a reference.

    Returns:
        Its normal form.

    Example:
        >>> normalise(' "Red." ')
        'red'
    """
    text = text.strip().casefold()
    if text.isalnum():
        return text
    text, stopped = _without_stop(text, stopped=False)
    if len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text, _ = _without_stop(text[1:-1].strip(), stopped=stopped)
    return text


def _without_stop(text: str, *, stopped: bool) -> tuple[str, bool]:
    if not stopped and text.endswith((".", "!")):
        return text[:-1].rstrip(), True
    return text, stopped
