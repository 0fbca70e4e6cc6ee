"""Figures for papers, drawn by matplotlib from values that `analysis` gives; nothing is computed here but where things stand."""
