"""Ask a model, and record each answer."""
