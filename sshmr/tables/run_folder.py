"""The paths of a run's files, and the files that belong to the run.

The workflow's runs and those of ``sshmr fit`` have the same layout. ``run.json`` says which shards, splits
and rounds a run has, and its settings. Tables of an earlier split that are still in the
folder are not part of the run.
"""

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sshmr.errors import InputError
from sshmr.files import write_json

if TYPE_CHECKING:
    from sshmr.body.model import BodyModel

FOLDERS = {"fit": "fit", "network": "infer"}
"""The folder of each stage's params inside a round."""

SPLITS = ("train", "test")
SKIPPED = ".skipped.parquet"
SHARDS_A_PART = 32
"""Shards that one job evaluates."""

Stage = tuple[int, str]
"""A round and a stage of it: ``fit`` or ``network``."""


class Shard(NamedTuple):
    """The frames that one points table holds: one sequence, or several short ones, of one split."""

    split: str
    name: str


class RunFolder:
    """The paths of a run, and its shards and rounds.

    A shard's name, a split or a round may be a pattern such as ``{shard}``: the workflow's rules are written
    with these same functions.

    Args:
        root: the run's folder, such as results/demo.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.manifest_file = self.root / "run.json"
        self.bodies = self.root / "body"
        self.neutral = self.bodies / "neutral.npz"
        self.template = self.bodies / "template.npz"
        self.prior = self.bodies / "prior.npz"
        self.capture = self.root / "capture"
        self.measures = self.root / "measures.parquet"
        self.report = self.root / "report.html"
        self.strip = self.root / "strip.png"
        self.timings = self.root / "timings"

    # Paths of single files

    def body(self, gender: str) -> Path:
        """The body of a gender."""
        return self.bodies / f"{gender}.npz"

    def simulated(self, shard: str) -> Path:
        """The list of a shard's simulated files with their hashes (JSON)."""
        return self.capture / f"{shard}.json"

    def points_of(self, split: str, shard: str) -> Path:
        """The points table of a shard."""
        return self.root / "points" / split / f"{shard}.parquet"

    def skipped_of(self, split: str, shard: str) -> Path:
        """The table of a shard's skipped frames."""
        return self.root / "points" / split / f"{shard}{SKIPPED}"

    def listing_of(self, split: str, shard: str) -> Path:
        """The input of a shard: sequences and their files (JSON)."""
        return self.root / "sources" / split / f"{shard}.json"

    def params_of(self, round_: int | str, stage: str, split: str, shard: str) -> Path:
        """The params table of a shard; ``stage`` is ``fit`` or ``network``."""
        return self.round(round_) / FOLDERS[stage] / split / f"{shard}.parquet"

    def pseudo_labels_of(self, round_: int | str, split: str, shard: str) -> Path:
        """The pseudo labels of a shard."""
        return self.round(round_) / "pseudo_labels" / split / f"{shard}.parquet"

    def round(self, round_: int | str) -> Path:
        """The folder of a round."""
        return self.root / f"round_{round_}"

    def checkpoint(self, round_: int | str) -> Path:
        """The network that a round trained."""
        return self.round(round_) / "train" / "checkpoint.pt"

    def history(self, round_: int | str) -> Path:
        """The losses of a round's training, a row per epoch."""
        return self.round(round_) / "train" / "history.parquet"

    def training_settings(self, round_: int | str) -> Path:
        """The settings and inputs of a round's training (JSON)."""
        return self.round(round_) / "train" / "settings.json"

    def frame_measures(self, round_: int | str, part: int | str) -> Path:
        """The measures of every frame of one part of the shards."""
        return self.round(round_) / "measures" / f"{part}.parquet"

    def params(self, points: Path, round_: int, stage: str) -> Path:
        """The params that belong to a points table; ``stage`` is ``fit`` or ``network``."""
        return self.params_of(round_, stage, points.parent.name, points.stem)

    def pseudo_labels(self, points: Path, round_: int) -> Path:
        """The pseudo labels that belong to a points table."""
        return self.pseudo_labels_of(round_, points.parent.name, points.stem)

    # The shards and rounds of the run

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """The content of run.json; empty if there is none.

        Raises:
            InputError: when it cannot be read.
        """
        try:
            content = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._unreadable(f"not readable ({error})") from error
        shards = content.get("shards", {}) if isinstance(content, dict) else None
        if not isinstance(shards, dict) or not all(isinstance(names, list) for names in shards.values()):
            raise self._unreadable("not the description of a run")
        return dict(content)

    def _unreadable(self, found: str) -> InputError:
        expected = "JSON as the workflow and sshmr fit write it"
        return InputError(self.manifest_file, found=found, expected=expected, fix="Run the workflow again")

    def describe(self, **facts: Any) -> None:
        """Write run.json. The file is not changed if the content is the same."""
        if facts != self.manifest:
            write_json(self.manifest_file, facts)
            self.__dict__.pop("manifest", None)

    def shards(self) -> list[Shard]:
        """The run's shards, the training split first: those in run.json, else those with a table."""
        stated = self.manifest.get("shards")
        if stated is not None:
            return [Shard(split, name) for split in SPLITS for name in stated.get(split, ())]
        tables = [path for path in self._whole("points") if not path.name.endswith(SKIPPED)]
        found = {Shard(path.parent.name, path.stem) for path in tables}
        return sorted(found, key=lambda shard: (shard.split != "train", *shard))

    def parts(self) -> dict[str, list[Shard]]:
        """The shards in groups that are evaluated together."""
        return parts_of(self.shards())

    def points(self) -> list[Path]:
        """The run's points tables that exist, the training split first."""
        return [path for shard in self.shards() if (path := self.points_of(*shard)).is_file()]

    def rounds(self) -> list[int]:
        """The numbers of the run's rounds that have a folder, in order."""
        names = [path.name.removeprefix("round_") for path in self.root.glob("round_*")]
        last = self.manifest.get("rounds")
        numbers = sorted(int(name) for name in names if name.isdecimal())
        return [number for number in numbers if last is None or number <= last]

    def stages(self) -> list[Stage]:
        """(round, stage) pairs with results for any of the run's points tables, in the loop's order."""
        points = self.points()
        return [
            (round_, stage)
            for round_ in self.rounds()
            for stage in ("network", "fit")
            if any(self.params(path, round_, stage).exists() for path in points)
        ]

    def complete(self, round_: int, stage: str) -> bool:
        """Whether every points table has its params of a stage."""
        return all(self.params(points, round_, stage).exists() for points in self.points())

    def last_stage(self) -> Stage:
        """The last (round, stage) of the loop that has results, preferably for every points table.

        Raises:
            InputError: when there is none.
        """
        stages = self.stages()
        if not stages:
            raise InputError(
                self.root,
                found="it holds no results of any round",
                expected="the folder of a run with round_0/fit/SPLIT/NAME.parquet and so on",
                fix="Name the folder that sshmr fit or the workflow wrote",
            )
        return next((stage for stage in reversed(stages) if self.complete(*stage)), stages[-1])

    def load_body(self, gender: str) -> "BodyModel | None":
        """The ``BodyModel`` of a gender; None where the run has none."""
        path = self.body(gender)
        return _load(path) if path.is_file() else None

    def _whole(self, folder: str) -> list[Path]:
        """The tables of a folder's splits, without those that are being written."""
        return [path for path in self.root.glob(f"{folder}/*/*.parquet") if not path.name.startswith(".")]


def parts_of(shards: list[Shard]) -> dict[str, list[Shard]]:
    """Shards in groups that are evaluated together, under the names of the groups.

    A group is of one split: those of the training split are measured while the test split is still fitted.
    """
    split = [[shard for shard in shards if shard.split == name] for name in SPLITS]
    groups = [
        own[start : start + SHARDS_A_PART] for own in split for start in range(0, len(own), SHARDS_A_PART)
    ]
    return {f"part_{number:04d}": group for number, group in enumerate(groups)}


@functools.lru_cache(3)
def _load(path: Path) -> "BodyModel":
    from sshmr.body.model import BodyModel  # It loads torch, which paths do not need.

    return BodyModel.load(path)


def tables_of(paths: Iterable[str | Path]) -> tuple[RunFolder, list[tuple[Path, Path]]]:
    """The run and the (points table, params table) pairs of some paths.

    Args:
        paths: a run's folder, for its last results; or params tables of one run.

    Raises:
        InputError: when a table is not in its place in a run's folder, or the tables are of several runs.
    """
    named = [Path(path) for path in paths]
    folders = [path for path in named if path.is_dir()]
    if folders and len(named) > 1:
        raise InputError(folders[0], found="a folder among several paths", expected="one run at a time")
    if folders:
        run = RunFolder(folders[0])
        stage = run.last_stage()
        pairs = [(points, run.params(points, *stage)) for points in run.points()]
        return run, [pair for pair in pairs if pair[1].exists()]
    pairs = [(_points_of(path), path) for path in named]
    roots = {points.parents[2] for points, _ in pairs}
    if len(roots) > 1:
        names = ", ".join(sorted(map(str, roots)))
        raise InputError(named[0], found=f"tables of several runs ({names})", expected="one run at a time")
    return RunFolder(roots.pop()), pairs


def _points_of(params: Path) -> Path:
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
