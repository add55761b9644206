"""Import Open3D on systems without libusb.

Open3D's wheel links against ``libusb-1.0.so.0`` for depth cameras that this project never opens. Minimal
machines and containers lack it, so the copy that the ``libusb-package`` wheel ships is loaded first.
"""

import ctypes
import functools
import importlib
from types import ModuleType

from sshmr.errors import InputError

SYSTEM_LIBRARIES = "libegl1 libgl1 libx11-6 libudev1 libidn2-0 libgomp1"
"""Debian's packages of the libraries that its wheel links against."""

LIBUSB = "libusb-1.0.so.0"


@functools.cache
def open3d() -> ModuleType:
    """The ``open3d`` module, imported at the first call.

    Raises:
        InputError: with what to install, if Open3D or a library that it links against is missing.
    """
    _preload_libusb()
    try:
        module = importlib.import_module("open3d")
    except ImportError as error:
        raise InputError(
            "open3d",
            found=f"cannot be loaded ({error})",
            expected="the package, and the system's libraries that it links against",
            fix="`pip install open3d libusb-package`; where a lib….so is missing, on Debian and Ubuntu "
            f"`apt-get install {SYSTEM_LIBRARIES}`",
        ) from error
    module.utility.set_verbosity_level(module.utility.VerbosityLevel.Error)
    return module


def _preload_libusb() -> None:
    """Load libusb into the process under its global name, from the system or else from its wheel.

    A failure here is not an error: Open3D builds differ, and its import reports what is missing.
    """
    try:
        ctypes.CDLL(LIBUSB, mode=ctypes.RTLD_GLOBAL)
        return
    except OSError:
        pass
    try:
        library = importlib.import_module("libusb_package").get_library_path()
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError):
        return
