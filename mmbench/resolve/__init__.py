"""From user input to models, tasks, data and options."""
