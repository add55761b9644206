"""Kernels of packages that nobody needs and that are used where they are found."""

import functools
import importlib


@functools.cache
def find_kernel(module, name):
    """A function of an optional package; None where the package can't be imported."""
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        return None
