"""Sheets of paper, some of them damaged: an example of a plug-in package for mmbench."""
