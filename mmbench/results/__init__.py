"""The run directory: its schema, its writers and its readers. Everything persisted is declared here."""
