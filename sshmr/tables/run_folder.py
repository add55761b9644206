"""Where a run keeps its files. The workflow's runs and those of the command line are laid out alike."""

import functools
from pathlib import Path

from sshmr.errors import InputError

FOLDERS = {"fit": "fit", "network": "infer"}
"""Where each stage's params lie inside a round."""

SKIPPED = ".skipped.parquet"


class RunFolder:
    """Paths of a run: bodies, points tables, and each round's params of a points table.

    Args:
        root: the run's folder, such as results/demo.
    """

    def __init__(self, root):
        self.root = Path(root)
        self.bodies = self.root / "body"
        self.neutral = self.bodies / "neutral.npz"
        self.template = self.bodies / "template.npz"

    def load_body(self, gender):
        """The ``BodyModel`` of a gender; None where the run has none."""
        path = self.bodies / f"{gender}.npz"
        return _load(path) if path.is_file() else None

    def points(self):
        """The points tables, training split first."""
        tables = [path for path in self._whole("points") if not path.name.endswith(SKIPPED)]
        return sorted(tables, key=lambda path: (path.parent.name != "train", path.parent.name, path.name))

    def params(self, points, round_, stage):
        """The params of a points table; ``stage`` is ``fit`` or ``network``."""
        return self.root / f"round_{round_}" / FOLDERS[stage] / points.parent.name / points.name

    def rounds(self):
        """Numbers of the rounds that have results, in order."""
        names = [path.name.removeprefix("round_") for path in self.root.glob("round_*")]
        return sorted(int(name) for name in names if name.isdecimal())

    def stages(self):
        """(round, stage) of all that has results for any points table, in the order of the loop."""
        return [
            (round_, stage)
            for round_ in self.rounds()
            for stage in ("network", "fit")
            if self._whole(f"round_{round_}/{FOLDERS[stage]}")
        ]

    def _whole(self, folder):
        """Tables of a folder's splits, without what is being written."""
        return [path for path in self.root.glob(f"{folder}/*/*.parquet") if not path.name.startswith(".")]

    def complete(self, round_, stage):
        """Whether every points table has its params of a stage."""
        return all(self.params(points, round_, stage).exists() for points in self.points())

    def last_stage(self):
        """The (round, stage) that the loop came to last, with every points table if there is one such.

        Raises:
            InputError: when there is none.
        """
        stages = self.stages()
        if not stages:
            raise InputError(
                self.root,
                found="it holds no results of any round",
                expected="a run's folder with round_0/fit/SPLIT/NAME.parquet and so on",
                fix="Point at the folder that sshmr fit or the workflow wrote",
            )
        return next((stage for stage in reversed(stages) if self.complete(*stage)), stages[-1])


@functools.lru_cache(3)
def _load(path):
    from sshmr.body.model import BodyModel  # loads torch, which paths do not need

    return BodyModel.load(path)


def tables_of(paths):
    """The run and the (points table, params table) pairs that are meant.

    Args:
        paths: a run's folder, for the results the loop came to last; or params tables of one run.

    Raises:
        InputError: when a table doesn't lie where a run keeps it, or they are of several runs.
    """
    paths = [Path(path) for path in paths]
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise InputError(folders[0], found="a folder among several paths", expected="one run at a time")
    if folders:
        run = RunFolder(folders[0])
        stage = run.last_stage()
        pairs = [(points, run.params(points, *stage)) for points in run.points()]
        return run, [pair for pair in pairs if pair[1].exists()]
    pairs = [(_points_of(path), path) for path in paths]
    roots = {points.parents[2] for points, _ in pairs}
    if len(roots) > 1:
        names = ", ".join(sorted(map(str, roots)))
        raise InputError(paths[0], found=f"tables of several runs ({names})", expected="one run at a time")
    return RunFolder(roots.pop()), pairs


def _points_of(params):
    """The points table of a params table, by its place in a run's folder."""
    if not params.is_file():
        raise InputError(params, found="no such file", expected="a params table, or a run's folder")
    parents = params.resolve().parents
    stage, round_ = (parents[i].name for i in (1, 2)) if len(parents) > 3 else ("", "")
    points = parents[min(3, len(parents) - 1)] / "points" / parents[0].name / params.name
    if stage not in FOLDERS.values() or not round_.startswith("round_") or not points.is_file():
        raise InputError(
            params,
            found="its points table is not where a run keeps it",
            expected=f"RUN/round_N/fit/SPLIT/{params.name} beside RUN/points/SPLIT/{params.name}",
            fix="Name the run's folder, or leave the tables where they were made",
        )
    return points
