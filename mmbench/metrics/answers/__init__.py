"""What one answer is worth in the conventions of single benchmarks: edit similarity, tolerance, substrings, typed answers."""
