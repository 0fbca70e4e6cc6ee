"""The public functions of `mmbench`, one module each; the command line stands on the same functions."""
