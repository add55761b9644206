"""Simulated recordings of real motion, in the layout of own clouds: a .ply per frame, and the truth."""

from pathlib import Path

import numpy as np
import torch
from clouds import depth_pixels
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from sshmr.body.model import BodyModel, open_body_path
from sshmr.capture.clouds_layout import write_truth
from sshmr.capture.lidar import scan
from sshmr.capture.motion_files import read_motion
from sshmr.config.capture import LidarConfig
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.geometry.open3d_import import open3d

RATES = {"lidar": 10.0, "depth": 30.0}
"""Frames a second of each sensor."""


def chosen_clips(path, count, seconds, seed):
    """``count`` clips of different people that last so long."""
    clips = [clip for clip in read_motion(path) if len(clip.pose) > seconds * clip.fps + 1]
    rng = np.random.default_rng(seed)
    subjects = rng.permutation(sorted({clip.subject for clip in clips}))[:count]
    return [rng.choice([i for i, clip in enumerate(clips) if clip.subject == s]) for s in subjects], clips


def write_recordings(folder, motions, sensor, count, frames, seed):
    """Write ``count`` recordings of one sensor below ``folder``; returns how many clouds there are."""
    rng = np.random.default_rng([seed, len(sensor)])
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in ("female", "male", "neutral")}
    picked, clips = chosen_clips(motions, count, frames / RATES[sensor], seed)
    labels = []
    for number, index in enumerate(picked):
        gender = ("female", "male")[number % 2]
        name = f"{sensor}_{clips[index].name}"
        labels += _recorded(Path(folder) / name, clips[index], sensor, frames, bodies[gender], gender, rng)
    write_truth(Path(folder), labels, bodies["neutral"])
    return len(labels)


def _recorded(folder, clip, sensor, frames, body, gender, rng):
    pose, pelvis = _resampled(clip, np.arange(frames) / RATES[sensor])
    betas = rng.normal(0, 1, 10).clip(-2, 2)
    shape = torch.tensor(betas, dtype=torch.float32).expand(frames, -1)
    rest = body.rest_joints(shape)[:, 0].numpy()
    transl = pelvis - pelvis.mean(0) - rest
    vertices = body(*(torch.as_tensor(part).float() for part in (pose, shape, transl))).vertices
    # The floor lies under the lowest foot of the whole recording: people may jump.
    floor = np.percentile(vertices[..., 1].amin(1).numpy(), 5)
    transl[:, 1] -= floor
    vertices = vertices.numpy() - [0, floor, 0]
    reach = np.abs(vertices[..., [0, 2]]).max()
    bearing = rng.uniform(0, 2 * np.pi)
    distance = reach + (rng.uniform(1.5, 2.5) if sensor == "depth" else rng.uniform(3.0, 9.0))
    eye = np.array([distance * np.sin(bearing), rng.uniform(1.2, 1.9), distance * np.cos(bearing)])
    folder.mkdir(parents=True)
    faces, labels = body.faces.numpy(), []
    for frame, mesh in enumerate(vertices):
        if sensor == "depth":
            cloud = depth_pixels(mesh, faces, eye, rng)
        else:
            settings = LidarConfig()
            cloud = scan(mesh @ Z_UP_TO_Y_UP, faces, eye @ Z_UP_TO_Y_UP, settings, rng) @ Z_UP_TO_Y_UP.T
        module = open3d()
        points = module.utility.Vector3dVector(cloud.astype(np.float64))
        module.io.write_point_cloud(str(folder / f"{frame:06d}.ply"), module.geometry.PointCloud(points))
        labels.append(
            {
                "file": f"{folder.name}/{frame:06d}.ply",
                "pose": pose[frame].tolist(),
                "betas": betas.tolist(),
                "transl": transl[frame].tolist(),
                "gender": gender,
            }
        )
    return labels


def _resampled(clip, times):
    """Pose (T, 72) and pelvis (T, 3) at other times, accelerations continuous."""
    own = np.arange(len(clip.pose)) / clip.fps
    joints = clip.pose.reshape(len(own), 24, 3).swapaxes(0, 1)
    pose = [RotationSpline(own, Rotation.from_rotvec(rotvecs))(times).as_rotvec() for rotvecs in joints]
    return np.concatenate(pose, axis=1), CubicSpline(own, clip.pelvis)(times)
