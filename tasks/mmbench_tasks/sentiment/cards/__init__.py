"""One dataset each, declared."""
