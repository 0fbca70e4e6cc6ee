"""Home of the fusion baselines: encoders, fusions, heads, their training, and the adapter that evaluates them.

They are plug-ins like any third party's: the harness finds them through entry points and never imports them by name.
"""
