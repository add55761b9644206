"""Each source read in the simplest way: one process, whole files, whole images, no checks.

This is what a script for one data set does. It uses the package's own cleaning, so that the points are the
same.
"""

import json
import pickle

import laspy
import numpy as np
from PIL import Image
from scipy.io import loadmat

from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.geometry.open3d_import import open3d
from sshmr.sources.behave.points import robust_cleaning
from sshmr.sources.cleaning import clean_person
from sshmr.sources.clouds import clean
from sshmr.sources.sampling import subsample
from sshmr.sources.surreal.camera import CENTRE, FOCAL, HEIGHT, WIDTH, WORLD_TO_Y_UP

CAMERAS = 4


def sloper4d(root, name, settings):
    """A pickle's clouds; the recording must be slow enough that no neighbours are added."""
    with (root / name / f"{name}_labels.pkl").open("rb") as handle:
        person = pickle.load(handle)["second_person"]
    for number, cloud in zip(person["point_frame"], person["point_clouds"], strict=True):
        cloud = np.asarray(cloud, np.float64)
        name_of_frame = f"simulated/{name}/{number:06d}/0"
        points = subsample(clean_person(cloud, settings), settings.points, settings.sampling, name_of_frame)
        yield name_of_frame, points @ Z_UP_TO_Y_UP.T


def behave(root, name, settings):
    """Depth images, each unprojected as a whole and then masked."""
    sequence, tables, poses = root / "sequences" / name, {}, {}
    for k in range(CAMERAS):
        tables[k] = np.load(root / f"calibs/intrinsics/{k}/pointcloud_table.npy")
        pose = json.loads((root / f"calibs/Date00/config/{k}/config.json").read_text())
        poses[k] = np.array(pose["rotation"]).reshape(3, 3), np.array(pose["translation"])
    for moment in sorted(sequence.glob("t*")):
        for k, (rotation, translation) in poses.items():
            depth = np.asarray(Image.open(moment / f"k{k}.depth.png")) / 1000
            mask = np.asarray(Image.open(next(moment.glob(f"k{k}.person_mask.*"))).convert("L")) > 127
            rays = np.concatenate([tables[k], np.ones((*depth.shape, 1))], axis=-1)
            points = (rays * depth[..., None]).reshape(-1, 3) @ rotation.T + translation
            keep = mask.ravel() & (depth.ravel() > 0) & np.isfinite(points).all(axis=1)
            name_of_frame = f"simulated/{name}/{round(1000 * float(moment.name[1:])):06d}/{k}"
            yield name_of_frame, robust_cleaning(points[keep], settings, name_of_frame) * [1, -1, -1]


def surreal(root, name, settings):
    """MATLAB files by SciPy, each depth image unprojected whole."""
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    for path in sorted((root / "cmu" / "train").glob("run*/*/*_info.mat")):
        stem = path.name.removesuffix("_info.mat")
        camera = loadmat(path)["camLoc"].ravel()
        depths, parts = (loadmat(path.with_name(f"{stem}_{kind}.mat")) for kind in ("depth", "segm"))
        shown = sum(key.startswith("depth_") for key in depths)
        for number in range(1, min(settings.surreal.train_frames, shown) + 1):
            z, part = depths[f"depth_{number}"].astype(np.float64), parts[f"segm_{number}"]
            if len(np.unique(part[part > 0])) < settings.surreal.minimum_parts:
                continue
            seen = np.stack([(u - CENTRE[0]) * z / FOCAL, (v - CENTRE[1]) * z / FOCAL, z], axis=-1)
            world = np.stack([-seen[..., 2], seen[..., 1], -seen[..., 0]], axis=-1) + camera
            points = world[part > 0] @ WORLD_TO_Y_UP["straight"].T
            name_of_frame = f"simulated/{path.parent.parent.name}_{stem}/{number:06d}/0"
            kept = clean_person(points, settings)
            yield name_of_frame, subsample(kept, settings.points, settings.sampling, name_of_frame)


def clouds(root, name, settings):
    """Files by NumPy, laspy and Open3D."""
    for path in sorted((root / name).iterdir()):
        name_of_frame = f"simulated/{name}/{int(path.stem):06d}/0"
        points = _points(path)
        points = points[np.isfinite(points).all(axis=1)]
        kept = subsample(clean(points, settings)[0], settings.points, settings.sampling, name_of_frame)
        yield name_of_frame, kept


def _points(path):
    if path.suffix == ".npy":
        return np.load(path)[:, :3].astype(np.float64)
    if path.suffix == ".npz":
        return np.load(path)["points"][:, :3].astype(np.float64)
    if path.suffix == ".bin":
        return np.fromfile(path, np.float32).reshape(-1, 4)[:, :3].astype(np.float64)
    if path.suffix in (".las", ".laz"):
        return np.asarray(laspy.read(path).xyz)
    return np.asarray(open3d().io.read_point_cloud(str(path)).points)


PLAIN = {"sloper4d": sloper4d, "behave": behave, "surreal": surreal, "clouds": clouds}
