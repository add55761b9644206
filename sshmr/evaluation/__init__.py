"""Measures in millimetres and their tables."""
