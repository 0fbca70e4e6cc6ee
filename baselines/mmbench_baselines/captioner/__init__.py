"""A model that describes images: words, decoder, search. Importing this package loads no torch."""
