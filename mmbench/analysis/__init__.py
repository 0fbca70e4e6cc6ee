"""What several runs have in common: seeds, rankings, and tables joined by unit ids."""
