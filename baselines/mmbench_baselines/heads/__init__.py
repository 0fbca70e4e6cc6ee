"""The fused vector in, logits out. Importing this package loads no torch."""
