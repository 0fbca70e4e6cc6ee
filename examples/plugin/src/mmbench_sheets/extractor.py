"""``last-word``: the answer is the last word of what a model wrote."""

from mmbench.extract import extractor, normalise


@extractor(
    "last-word",
    "1",
    examples=[("I think it is red.", ("blue", "red"), "red"), ("No idea.", ("blue", "red"), None)],
)
def last_word(text, choices):
    """The last word of the text; with a closed set it must be in the set."""
    words = normalise(text).split()
    found = words[-1] if words else None
    if choices is None:
        return found
    return next((choice for choice in choices if normalise(choice) == found), None)
