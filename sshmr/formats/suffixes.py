"""The endings of clouds. The workflow uses this while it plans, so this module imports only the standard
library."""

import contextlib
import re
from pathlib import Path

CLOUD_SUFFIXES = (".ply", ".pcd", ".las", ".laz", ".npy", ".npz", ".bin")
TEXT_SUFFIXES = (".xyz", ".txt", ".csv", ".asc", ".pts")
MESH_SUFFIXES = (".obj", ".stl", ".off", ".glb")
IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
"""Depth images; they need the camera's intrinsics."""
BAG_SUFFIXES = (".bag", ".db3", ".mcap", ".pcap")
"""Recordings of ROS and of Velodyne, each with any number of clouds."""
SINGLE_SUFFIXES = CLOUD_SUFFIXES + TEXT_SUFFIXES + MESH_SUFFIXES
"""Files with one cloud each that need no other information."""
KNOWN = ", ".join(SINGLE_SUFFIXES + BAG_SUFFIXES) + "; with intrinsics " + ", ".join(IMAGE_SUFFIXES)
"""All of them, for errors and help."""

CAMERA_FILES = (
    "camera_info", "intrinsics", "intrinsic", "camera_intrinsic", "camera", "calibration", "calib",
)  # fmt: skip
"""Files beside depth images, without their endings, that are taken for the intrinsics, in this order."""
PROSE = (".txt", ".csv", ".asc", ".pts")
"""Ambiguous endings: the files are clouds if they contain numbers."""
POINT = re.compile(r"\s*[-+]?[\d.,]+(e[-+]?\d+)?([\s,;]+[-+]?[\d.,]+(e[-+]?\d+)?){2,}[^\n]*", re.I)


def holds_points(path: Path) -> bool:
    """Whether a text file begins with points, behind at most some lines of names or remarks."""
    with contextlib.suppress(OSError), path.open(encoding="utf-8-sig", errors="replace") as stream:
        lines = stream.read(8192).splitlines()[:40]
        return sum(POINT.fullmatch(line) is not None for line in lines) >= max(1, len(lines) // 3)
    return False
