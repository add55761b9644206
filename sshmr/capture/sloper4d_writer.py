"""Write a sequence in SLOPER4D's on-disk layout.

Source: github.com/climbingdaily/SLOPER4D, README ("Data structure") and its reader of the labels' pickles:
the keys, the shapes, z up, metres, one trajectory row as frame, position, quaternion (x y z w), time.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sshmr.body.model import BodyModel
from sshmr.files import atomic_path


def write_sequence(
    path: Path,
    *,
    framerate: float,
    frames: np.ndarray,
    sensor: np.ndarray,
    poses: np.ndarray,
    transl: np.ndarray,
    betas: np.ndarray,
    gender: str,
    clouds: Mapping[int, np.ndarray],
    body: BodyModel,
) -> None:
    """Write one ``<sequence>_labels.pkl``; all positions in a world with z up, metres.

    Args:
        path: where to.
        framerate: frames per second.
        frames: (T,) int, frame numbers.
        sensor: (T, 3) positions of the LiDAR.
        poses: (T, 72) radians; transl: (T, 3); betas: (10,); gender: str.
        clouds: mapping of frame number to (K, 3) float32; frames may be missing.
        body: the ``BodyModel`` that was scanned; its name marks the file as simulated.
    """
    upright = np.tile([0.0, 0.0, 0.0, 1.0], (len(frames), 1))  # quaternion, x y z w
    trajectory = np.column_stack([frames, sensor, upright, np.asarray(frames) / framerate])
    content = {
        "framerate": framerate,
        "total_frames": len(frames),
        "frame_num": [int(frame) for frame in frames],
        "first_person": {"lidar_traj": trajectory},
        "second_person": {
            "opt_pose": np.asarray(poses, np.float32),
            "opt_trans": np.asarray(transl, np.float32),
            "beta": [float(value) for value in betas],
            "gender": gender,
            "point_clouds": list(clouds.values()),
            "point_frame": [int(frame) for frame in clouds],
        },
        "simulated": True,
        "body_model": body.name,
        "body_digest": body.digest,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        pickle.dump(content, handle, protocol=4)
