"""Write a sequence in BEHAVE's on-disk layout.

The constants of the layout are stated here again, not taken from the reader, so that a mistake in either
shows.

Sources: virtualhumans.mpi-inf.mpg.de/behave and github.com/xiexh20/behave-dataset, README (folders, names,
units, camera 1 as the world); Romero et al., "Embodied Hands", SIGGRAPH Asia 2017 (SMPL-H's order of joints).
"""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sshmr.capture.lens import Lens

BODY_JOINTS, HAND_JOINTS = 22, 15
"""SMPL-H: the body's joints, then those of the left hand and of the right. SMPL's last two, its hands, are
the first joint of each, where the index finger begins."""
DATE = "Date00"
"""Replaces the day of recording in the folder names of calibrations."""


def write_calibration(
    root: Path,
    lenses: Sequence[Lens],
    tables: Sequence[np.ndarray],
    poses: Sequence[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Write ``calibs/``.

    Args:
        lenses: a ``Lens`` for each camera; tables: their pixel tables.
        poses: (rotation (3, 3), translation (3,)) of each, camera → world, metres.
    """
    for number, (lens, table, (rotation, translation)) in enumerate(zip(lenses, tables, poses, strict=True)):
        intrinsics = root / "calibs" / "intrinsics" / str(number)
        intrinsics.mkdir(parents=True)
        np.save(intrinsics / "pointcloud_table.npy", table)
        colour = _intrinsics(lens)
        # The depth images are aligned with the colour camera.
        same = {"rotation": np.eye(3).ravel().tolist(), "translation": [0.0, 0.0, 0.0]}
        _write_json(
            intrinsics / "calibration.json",
            {"color": colour, "depth": colour, "color_to_depth": same, "depth_to_color": same},
        )
        pose = root / "calibs" / DATE / "config" / str(number)
        pose.mkdir(parents=True)
        content = {"rotation": rotation.ravel().tolist(), "translation": translation.tolist()}
        _write_json(pose / "config.json", content)


def write_info(root: Path, sequence: str, split: str, gender: str, betas: np.ndarray, cameras: int) -> None:
    """Write the sequence's ``info.json`` and a ``split.json`` that puts it into its split."""
    content = {
        "config": f"../../calibs/{DATE}/config",
        "intrinsic": "../../calibs/intrinsics",
        "empty": None,
        "cat": "furniture",
        "gender": gender,
        "beta": [float(value) for value in betas],
        "kinects": list(range(cameras)),
        "simulated": True,
    }
    _write_json(root / "sequences" / sequence / "info.json", content)
    _write_json(root / "split.json", {"train": [], "test": [], split: [sequence]})


def moment_folder(root: Path, sequence: str, seconds: float) -> Path:
    """The folder of one moment."""
    return root / "sequences" / sequence / f"t{seconds:08.3f}"


def write_image(folder: Path, camera: int, depth: np.ndarray, mask: np.ndarray) -> None:
    """Write one camera's depth and mask, (H, W) uint16 millimetres and bool; every other mask as a .jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(depth).save(folder / f"k{camera}.depth.png", compress_level=1)
    suffix = ".jpg" if camera % 2 else ".png"
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"k{camera}.person_mask{suffix}")


def write_fit(folder: Path, pose: np.ndarray, betas: np.ndarray, transl: np.ndarray) -> None:
    """Write the body of one moment in camera 1's frame: pose (72,) radians, betas (10,), transl (3,)."""
    path = folder / "person" / "fit02" / "person_fit.pkl"
    path.parent.mkdir(parents=True)
    joints = pose.reshape(24, 3)
    hands = np.zeros((BODY_JOINTS + 2 * HAND_JOINTS, 3))
    hands[: BODY_JOINTS + 1] = joints[: BODY_JOINTS + 1]
    hands[BODY_JOINTS + HAND_JOINTS] = joints[BODY_JOINTS + 1]
    with path.open("wb") as handle:
        pickle.dump({"pose": hands.reshape(-1), "betas": betas, "trans": transl}, handle, protocol=4)


def _intrinsics(lens: Lens) -> dict[str, Any]:
    numbers = [lens.fx, lens.fy, lens.cx, lens.cy]
    return {
        **dict(zip(("fx", "fy", "cx", "cy"), map(float, numbers), strict=True)),
        "width": lens.width,
        "height": lens.height,
        "opencv": [float(value) for value in [*numbers, *lens.distortion]],
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
