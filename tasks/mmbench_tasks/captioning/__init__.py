"""Describing pictures: the family `captioning`."""
