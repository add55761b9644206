"""Fitted bodies as files of other programs."""
