"""Simulated recordings in the layout of own clouds: one .ply per frame, and a table of the truth."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from sshmr.body.model import BodyModel
from sshmr.files import atomic_path
from sshmr.formats.ply_writer import write_ply
from sshmr.geometry.frames import Z_UP_TO_Y_UP, turn_body
from sshmr.sources.manifest import write_manifest
from sshmr.sources.sloper4d_file import read_pickle


def write_clouds(pickle: Path, folder: Path, load_body: Callable[[str], BodyModel]) -> list[dict[str, Any]]:
    """Write the clouds of a recording in SLOPER4D's layout as ``<frame>.ply``, y up, metres.

    Args:
        pickle: the recording. folder: of the sequence. load_body: function of a gender that returns its body.

    Returns:
        The truth, a dictionary per frame, as ``sshmr.sources.cloud_truth`` reads it, without ``body_model``.
    """
    recording = read_pickle(pickle)
    for number in recording.frames.tolist():
        cloud = np.asarray(recording.clouds.get(number, ()), np.float64).reshape(-1, 3)
        if len(cloud):
            write_ply(folder / f"{number:06d}.ply", cloud @ Z_UP_TO_Y_UP.T, double=True)
    betas = torch.from_numpy(recording.betas).float()
    pelvis = load_body(recording.gender).rest_joints(betas)[:, 0].double()
    root, transl = turn_body(
        torch.from_numpy(Z_UP_TO_Y_UP),
        torch.from_numpy(recording.pose[:, :3]).double(),
        torch.from_numpy(recording.transl).double(),
        pelvis,
    )
    pose = np.concatenate([root.numpy(), recording.pose[:, 3:]], axis=1)
    return [
        {
            "file": f"{folder.name}/{number:06d}.ply",
            "pose": pose[row].tolist(),
            "betas": recording.betas[row].tolist(),
            "transl": transl[row].tolist(),
            "gender": recording.gender,
        }
        for row, number in enumerate(recording.frames.tolist())
    ]


def write_truth(root: Path, truth: Sequence[dict[str, Any]], body: BodyModel) -> None:
    """Write the truth of all sequences below a root, and the list that marks them as simulated.

    Args:
        truth: dictionaries of ``write_clouds``. body: the neutral ``BodyModel`` of their family.
    """
    body_model = "open" if body.name.startswith("open") else "smpl"
    table = pa.Table.from_pylist([{**row, "body_model": body_model} for row in truth])
    with atomic_path(root / "truth.parquet") as temporary:
        pq.write_table(table, temporary, compression="zstd")
    write_manifest(root, "clouds", body)
