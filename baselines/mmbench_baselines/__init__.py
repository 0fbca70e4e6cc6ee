"""Home of the fusion baselines: encoders, fusions, heads, and the models made of them.

They are plug-ins like any third party's: the harness finds them through entry points and never imports them by name.
`catalog` lists them and loads no torch; `model` builds them; `contract` checks a fusion, ours or yours.
"""
