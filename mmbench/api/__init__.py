"""The public functions of `mmbench`, a module each; the commands stand on them."""
