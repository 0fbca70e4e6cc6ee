"""From a spec to a finished run directory: plan, batch, ask, log, score; and again after a kill."""
