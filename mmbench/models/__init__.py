"""Model adapters: from a name to something that answers, and the controls that need no weights."""
