"""Several encoded modalities in, one vector a row out; one file a fusion. Importing this package loads no torch."""
