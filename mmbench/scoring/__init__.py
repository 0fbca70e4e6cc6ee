"""From stored answers to score tables and metric values; needs no model."""
