"""Fitted bodies as files for other programs."""
