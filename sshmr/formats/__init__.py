"""Readers of single files: one format each."""
