"""Posed human body meshes from partial point clouds, by a loop that teaches itself."""

__version__ = "0.1.0"
