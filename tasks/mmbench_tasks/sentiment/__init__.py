"""How somebody feels about what they say: the family `sentiment` and its data sets."""
