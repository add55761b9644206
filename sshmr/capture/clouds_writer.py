"""Write clouds in the layout of own clouds: one file per moment, in all formats."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from sshmr.geometry.open3d_import import open3d


def write_clouds(folder: Path, clouds: Mapping[int, np.ndarray]) -> None:
    """Write each cloud as ``<frame>.<suffix>``, alternating between the formats.

    Args:
        folder: where to.
        clouds: mapping of frame number to (K, 3) float, metres; K may be 0, points may be NaN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffixes = list(WRITERS)
    for frame, cloud in clouds.items():
        suffix = suffixes[frame % len(suffixes)]
        WRITERS[suffix](folder / f"{frame:06d}{suffix}", np.asarray(cloud, np.float32))


def _write_open3d(path: Path, cloud: np.ndarray) -> None:
    module = open3d()
    points = module.utility.Vector3dVector(cloud.astype(np.float64))
    module.io.write_point_cloud(str(path), module.geometry.PointCloud(points))


def _write_kitti(path: Path, cloud: np.ndarray) -> None:
    np.column_stack([cloud, np.zeros(len(cloud))]).astype("<f4").tofile(path)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    ".ply": _write_open3d,
    ".pcd": _write_open3d,
    ".xyz": lambda path, cloud: np.savetxt(path, cloud, fmt="%.5f"),
    ".npy": np.save,
    ".npz": lambda path, cloud: np.savez_compressed(path, points=cloud),
    ".bin": _write_kitti,
}
