"""Ask a model in several workers at once: a queue of leases, the transport to the workers, and the executor over both."""
