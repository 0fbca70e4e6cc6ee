"""A model that describes pictures: words, decoder, search. Importing this package loads no torch."""
