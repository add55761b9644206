"""Bodies of two sequences at odd places in the world, as a run keeps them."""

import numpy as np
import pytest
import torch

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.config.mapping import to_json
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import params_schema, points_schema, write_table

FRAMES = {"walk": 5, "sit": 1}
UP, UNIT = "z", "cm"
FROM_Y_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
"""(x, y, z) with y up → (x, −z, y) with z up, written down apart from the code."""


class Truth:
    """The run, and the vertices that every frame must have: y up, metres, (T, V, 3) float64 by sequence.

    ``walk``, ``times``: the numbers of that sequence's frames, and their seconds.
    """

    def __init__(self, root, body, shared_shape=False, walk=range(FRAMES["walk"]), times=None):
        rng = np.random.default_rng(0)
        self.run, self.body, self.faces = RunFolder(root), body, body.faces.numpy()
        self.vertices, self.poses = {}, {}
        settings = to_json(ExtractConfig(clouds=CloudsConfig(up=UP, unit=UNIT)))
        for name, count in FRAMES.items():
            pose = rng.normal(0, 0.3, (count, 72)).astype(np.float32)
            betas = rng.normal(0, 1, (1 if shared_shape else count, 10)).astype(np.float32)
            betas = np.broadcast_to(betas, (count, 10))
            transl = rng.normal(0, 0.1, (count, 3)).astype(np.float32)
            offset = rng.normal([30.0, 2.0, -80.0], 1, (count, 3)).astype(np.float32)
            local = body(*map(torch.from_numpy, (pose, betas.copy(), transl))).vertices.numpy()
            self.poses[name] = pose
            scale = np.ones(count, np.float32) if shared_shape else rng.uniform(0.6, 1, count)
            local = scale[:, None, None] * (local.astype(np.float64) - transl[:, None]) + transl[:, None]
            self.vertices[name] = local + offset[:, None]
            ids = [f"clouds/{name}/{frame:06d}/0" for frame in range(count)]
            points = {
                "frame_id": ids,
                "sequence": [name] * count,
                "frame": walk if name == "walk" else np.arange(count),
                "view": [0] * count,
                "time": times if name == "walk" else None,
                "split": ["train"] * count,
                "points": np.zeros((count, 64, 3)),
                "n_points": [64] * count,
                "offset": offset,
                "source": [f"{name}/cloud{frame}.ply" for frame in range(count)],
            }
            path = root / "points" / "train" / f"{name}_0001.parquet"
            write_table(path, points, points_schema(64), {"source": "clouds", "settings": settings})
            params = {"frame_id": ids, "pose": pose, "betas": betas, "transl": transl, "scale": scale}
            write_table(self.run.params(path, 0, "fit"), params, params_schema(), {})

    def tables(self):
        return [(points, self.run.params(points, 0, "fit")) for points in self.run.points()]


@pytest.fixture(scope="module")
def truth(tmp_path_factory, neutral_body):
    return Truth(tmp_path_factory.mktemp("run"), neutral_body)


@pytest.fixture(scope="module")
def one_shape(tmp_path_factory, neutral_body):
    """The same with one shape a sequence."""
    return Truth(tmp_path_factory.mktemp("run"), neutral_body, shared_shape=True)
