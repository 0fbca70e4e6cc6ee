"""From a task's training split to a checkpoint, the same way for every baseline. Importing this package loads no torch."""
