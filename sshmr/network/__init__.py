"""Encoder, matching, head and losses."""
