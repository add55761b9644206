"""Rotations, rigid frames, neighbours and sampling; imports nothing of the other subpackages."""
