"""One modality in, tokens and one pooled vector out. Importing this package loads no torch."""
