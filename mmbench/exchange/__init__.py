"""Export to other tools, and import from them: one module a format, on top of stored runs."""
