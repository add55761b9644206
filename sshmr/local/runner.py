"""From clouds to bodies, part by part: read, predict, fit. Finished parts are kept."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.body.prepare import bring_bodies
from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.files import sha256_of
from sshmr.local.chunks import (
    gone,
    known_clouds,
    parts_of,
    read_index,
    remove_stale,
    renumbered,
    write_part,
)
from sshmr.local.inputs import CloudFile
from sshmr.local.workers import Plan, Workers
from sshmr.people.axes import check_one_person
from sshmr.progress import Progress
from sshmr.sources.clouds import load_cloud
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import read_params, row_count

CHECKED_CLOUDS = 3
"""New clouds that are checked for scenes and several people."""


@dataclasses.dataclass
class Outcome:
    """The result of a call.

    Attributes:
        given: clouds that were named. before: those of them that were finished before.
        skipped: [(frame_id, file, reason)] of clouds that cannot be used.
        stage: (round, stage) of the tables with the result.
        notes: of the reader, without duplicates.
    """

    given: int
    before: int
    skipped: list[tuple[str, str, str]]
    stage: tuple[int, str]
    notes: list[str] = dataclasses.field(default_factory=list)

    def add(self, skipped: list[tuple[str, str, str]], notes: list[str]) -> None:
        """Add what the reader said of a part."""
        self.skipped += skipped
        self.notes += [note for note in notes if note not in self.notes]


def prepare(root: str | Path, plan: Plan) -> RunFolder:
    """Prepare the run's folder: its bodies, its template, and the settings of all its parts.

    Raises:
        InputError: when the folder was begun with other settings.
    """
    from sshmr.body.model import BodyModel
    from sshmr.body.sources import prior_source
    from sshmr.body.template import build_template
    from sshmr.training.checkpoint import load_checkpoint

    config, body = plan.config, plan.config.body
    run = RunFolder(root)
    begun = bool(run.points())
    if not begun:
        bring_bodies(body, run.bodies)
    model = BodyModel.load(run.neutral)
    checkpoint = None if plan.checkpoint is None else load_checkpoint(plan.checkpoint)
    count = config.template.points if checkpoint is None else len(checkpoint["vertex_ids"])
    template = build_template(model, count)
    if plan.checkpoint is not None:
        load_checkpoint(plan.checkpoint, template)
    if not begun:
        template.save(run.template)
    start = "nothing" if plan.checkpoint is None else sha256_of(plan.checkpoint)
    if plan.search and plan.checkpoint:
        start = f"nothing, {start}"
    settings = {
        "start": f"the frame before, {start}" if plan.follow else start,
        "body": body if body == "open" else model.digest,
        "extract": config.extract.model_dump(),
        "template": len(template.vertex_ids),
    }
    if plan.checkpoint is not None:
        settings["infer"] = config.infer.model_dump()
    if plan.fit:
        settings["fit"] = config.fit.model_dump()
        settings["prior"] = "open" if config.prior == "open" else sha256_of(prior_source(config.prior))
    _agree(run, json.loads(json.dumps(settings)))
    return run


def begin(
    run: RunFolder, clouds: list[CloudFile], plan: Plan, stage: tuple[int, str]
) -> tuple[list[CloudFile], Outcome]:
    """The clouds that are new or changed since, and an ``Outcome`` to add to; ``stage``: its result.

    Raises:
        InputError: when most of the new clouds show a whole scene or several people.
    """
    holders, numbers = known_clouds(run)
    known = remove_stale(run, holders)
    fresh = renumbered([cloud for cloud in clouds if cloud.path not in known], numbers)
    _check_single(fresh, plan.config.extract.clouds)
    return fresh, Outcome(len(clouds), len(clouds) - len(fresh), [], stage, gone(holders))


def _check_single(clouds: list[CloudFile], settings: CloudsConfig) -> None:
    """Refuse new clouds of which most show a whole scene or several people."""
    places = np.unique(np.linspace(0, len(clouds) - 1, CHECKED_CLOUDS).round().astype(int))
    points = []
    for place in places if clouds else ():
        with contextlib.suppress(InputError):  # The reader lists files that cannot be read.
            points.append(load_cloud(clouds[place].path, settings).points)
    if points:
        where = clouds[0].path if len(clouds) == 1 else clouds[0].root
        check_one_person(points, where)


def process(run: RunFolder, clouds: list[CloudFile], plan: Plan, jobs: int, progress: Progress) -> Outcome:
    """Compute the body of every cloud.

    Args:
        run: a ``RunFolder`` that ``prepare`` made ready. jobs: processes.

    Raises:
        InputError: when most of the first clouds do not have the size of a person, or no cloud can be used.
    """
    goal = "fit" if plan.fit else "network"
    fresh, outcome = begin(run, clouds, plan, (plan.round, goal))
    unfinished = [path for path in run.points() if not run.params(path, plan.round, goal).exists()]
    left = sum(row_count(path) for path in unfinished)
    before = sum(row_count(path) for path in run.points()) - left
    progress.total((len(fresh) + left) * (1 + plan.together) + before * plan.together)
    jobs = min(jobs, max(1, (len(fresh) + left) // 8))
    try:
        with Workers(run.root, plan, jobs, progress.advance) as workers:
            for points in unfinished:
                workers.submit("first", row_count(points), points)
            for number, part in enumerate(parts_of(fresh, jobs)):
                table, skipped, notes = write_part(run, part, plan.config.extract, check=number == 0)
                outcome.add(skipped, notes)
                progress.advance(len(skipped) * (1 + plan.together))
                if table is not None:
                    workers.submit("first", len(part) - len(skipped), table)
            workers.finish()
            if not run.points():
                raise nothing_usable(run, outcome)
            if plan.together:
                outcome.stage = (plan.round + 1, "fit")
                _second_pass(run, plan, workers, progress)
    except BrokenProcessPool as error:
        raise killed(run) from error
    return outcome


def nothing_usable(run: RunFolder, outcome: Outcome) -> InputError:
    """The error of a run without a single cloud."""
    reasons = sorted({reason for *_, reason in outcome.skipped})
    return InputError(
        run.root,
        found=f"no cloud can be used: {'; '.join(reasons[:3])}",
        fix="Correct the files, or set up axis, unit or extract.minimum_points",
    )


def killed(run: RunFolder) -> InputError:
    """The error of a run one of whose processes was killed."""
    return InputError(
        run.root,
        found="one of its processes was killed, probably because memory ran out",
        fix="Type the same command again with fewer --jobs; finished work is kept",
    )


def _second_pass(run: RunFolder, plan: Plan, workers: Workers, progress: Progress) -> None:
    """Fit again every part that holds a sequence with a newer first fit."""
    from sshmr.fit.stage import surroundings

    points = run.points()
    index, rows = read_index(points)
    firsts = [run.params(path, plan.round, "fit") for path in points]
    tables = [read_params(path) for path in firsts]
    names = ("pose", "betas", "transl", "scale")
    previous = {name: np.concatenate([table[name] for table in tables]) for name in names}
    around = surroundings(index, previous)
    newest: dict[str, int] = {}
    for path, of_part in zip(firsts, rows, strict=True):
        for row in of_part:
            sequence = index["sequence"][row]
            newest[sequence] = max(newest.get(sequence, 0), path.stat().st_mtime_ns)
    for path, of_part in zip(points, rows, strict=True):
        second = run.params(path, plan.round + 1, "fit")
        needed = max(newest[index["sequence"][row]] for row in of_part)
        if second.exists() and second.stat().st_mtime_ns > needed:
            progress.advance(len(of_part))
        else:
            workers.submit("second", len(of_part), path, around.rows(of_part))
    workers.finish()


def _agree(run: RunFolder, settings: dict[str, Any]) -> None:
    """Record the settings, or compare them with those of the folder's parts."""
    recorded = run.manifest.get("settings", {}) if run.points() else {}
    for key in sorted(set(settings) & set(recorded)):
        for name, found, wanted in _differences(key, recorded[key], settings[key]):
            raise InputError(
                run.manifest_file,
                name,
                f"{found!r} in this folder",
                f"{wanted!r}, as requested",
                "Use another output folder, or empty this one",
            )
    run.describe(made_by="sshmr fit", settings=recorded | settings)


def _differences(key: str, found: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted(set(found) | set(wanted)):
            yield from _differences(f"{key}.{name}", found.get(name), wanted.get(name))
    elif found != wanted:
        yield key, found, wanted
