"""Packages that only some formats need."""

import importlib
from pathlib import Path
from types import ModuleType

from sshmr.errors import InputError


def require(module: str, path: Path | str, extra: str) -> ModuleType:
    """A package of an extra of this one.

    Raises:
        InputError: with what to install, where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            path,
            found=f"it cannot be read without {module} ({error})",
            fix=f'Run pip install "sshmr[{extra}]"',
        ) from None
