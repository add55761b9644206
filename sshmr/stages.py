"""The stages of the loop, one function each, from paths to paths.

The workflow's scripts and the command line both call these. Each function imports what it needs when it is
called, so that a process loads no more than its own stage.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshmr.progress import track
from sshmr.tables.run_folder import RunFolder, Shard

if TYPE_CHECKING:
    import torch

    from sshmr.body.model import BodyModel
    from sshmr.body.prior import PosePrior
    from sshmr.body.template import Template
    from sshmr.config.capture import CaptureConfig
    from sshmr.config.evaluate import EvaluateConfig
    from sshmr.config.extract import ExtractConfig
    from sshmr.config.fit import FitConfig
    from sshmr.config.infer import InferConfig
    from sshmr.config.relabel import RelabelConfig
    from sshmr.config.report import ReportConfig
    from sshmr.evaluation.parts import Evaluation
    from sshmr.fit.stage import Surroundings
    from sshmr.sources.plan import Sequence
    from sshmr.tracking.follow import Follower

PathLike = str | Path


def make_template(body: PathLike, points: int, output: PathLike) -> None:
    """Pick the template's vertices (``points`` of them) from the neutral body."""
    from sshmr.body.model import BodyModel
    from sshmr.body.template import build_template

    build_template(BodyModel.load(body), points).save(output)


def make_prior(prior: str, output: PathLike) -> None:
    """Write the pose prior as .npz: the shipped one (``open``), or the mixture in a file."""
    import numpy as np

    from sshmr.body.prior import PosePrior, open_prior_path
    from sshmr.files import atomic_path

    loaded = PosePrior.load(open_prior_path() if prior == "open" else prior)
    with atomic_path(output) as temporary, temporary.open("wb") as handle:
        np.savez(
            handle,
            means=loaded.means.numpy(),
            covars=loaded.covariances.numpy(),
            weights=loaded.weights.numpy(),
        )


def simulate(
    sequences: Iterable[str],
    bodies: PathLike,
    prior: PathLike,
    config: "CaptureConfig",
    seed: int,
    folder: PathLike,
    output: PathLike,
) -> None:
    """Simulate sequences of the plan, and print a line for each that says what was made.

    Args:
        sequences: their names. bodies: folder with ``{gender}.npz``. seed: one for all sequences of a run.
        folder: where the recordings are written. output: the list of their files and hashes (JSON).
    """
    from sshmr.body.model import BodyModel
    from sshmr.body.prior import PosePrior
    from sshmr.capture.simulate import simulate_sequence
    from sshmr.files import sha256_of, write_json
    from sshmr.sources.shards import simulated_file, simulated_plan

    layouts = {item.name: item.layout for item in simulated_plan(config)}
    mixture, made = PosePrior.load(prior), {}

    def load(gender: str) -> BodyModel:
        return _kept(BodyModel.load, Path(bodies) / f"{gender}.npz")

    for name in sequences:
        path = simulated_file(folder, name, layouts.get(name, ""))
        print(simulate_sequence(name, config, load, mixture, seed, path))
        made[str(path.relative_to(folder))] = sha256_of(path)
    write_json(output, {"simulated": True, "files": made})


def extract(
    source: str,
    sequences: "Iterable[Sequence]",
    split: str,
    bodies: PathLike | None,
    config: "ExtractConfig",
    output: PathLike,
    skipped: PathLike,
    threads: int = 1,
) -> str:
    """Read some sequences of a source into one points table; returns a line for each that says what was read.

    Args:
        source: the kind of source. bodies: folder with ``{gender}.npz``, for the joints of the ground truth.
            skipped: the table of skipped frames to write. threads: images read at once.
    """
    from sshmr.sources.extract import extract as extract_shard

    load = _bodies_in(bodies) if bodies else lambda gender: None
    return str(extract_shard(source, list(sequences), split, config, load, output, skipped, threads))


def fit(
    points: PathLike,
    body: PathLike,
    template: PathLike,
    prior: PathLike,
    config: "FitConfig",
    output: PathLike,
    initial: PathLike | None = None,
    previous: PathLike | None = None,
    device: "str | torch.device" = "cpu",
    around: "Surroundings | None" = None,
    progress: Callable[..., Iterable[Any]] = track,
    search: bool = False,
) -> None:
    """Register the body to every cloud of a points table and write the params table.

    Args:
        initial: the network's predictions of the same frames; without them, typical poses are the starts.
        previous: the fits of the round before, as further starts.
        around, search: as for ``fit_shard``. progress: as ``track``.
    """
    from sshmr.fit.stage import fit_shard
    from sshmr.tables.schemas import params_schema, provenance, read_params, read_points, write_table

    columns = fit_shard(
        read_points(points),
        _body(body),
        _template(template, body),
        _prior(prior),
        config,
        initial=read_params(initial) if initial else None,
        previous=read_params(previous) if previous else None,
        device=device,
        around=around,
        progress=progress,
        search=search,
    )
    about = {
        "stage": "fit",
        "settings": config.model_dump(),
        "body": _body(body).digest,
        "simulated": provenance(points).get("simulated"),
    }
    write_table(output, columns, params_schema(), about)


def follower(
    body: PathLike,
    template: PathLike,
    prior: PathLike,
    config: "FitConfig",
    checkpoint: PathLike | None,
    infer: "InferConfig",
) -> "Follower":
    """What follows a person from frame to frame."""
    from sshmr.tracking.stage import make_follower

    path = None if checkpoint is None else Path(checkpoint)
    return make_follower(_body(body), _template(template, body), _prior(prior), config, path, infer)


def relabel(
    points: PathLike,
    params: PathLike,
    body: PathLike,
    template: PathLike,
    config: "RelabelConfig",
    output: PathLike,
) -> None:
    """Write the pseudo labels of a points table: for each point, a vertex of the template, from the fits."""
    from sshmr.config.mapping import to_json
    from sshmr.fit.pseudo_labels import relabel as relabel_points
    from sshmr.tables.schemas import provenance, pseudo_labels_schema, read_params, read_points, write_table

    table = read_points(points)
    columns = relabel_points(table, read_params(params), _body(body), _template(template, body), config)
    about = {
        "stage": "relabel",
        "settings": json.loads(to_json(config)),
        "simulated": provenance(points).get("simulated"),
    }
    write_table(output, columns, pseudo_labels_schema(table["points"].shape[1]), about)


def train(
    run: RunFolder,
    round_: int,
    settings: dict[str, Any],
    seed: int,
    device: "torch.device",
    code: str = "",
    out: Path | None = None,
) -> None:
    """Train the network of a round on the fits and pseudo labels of the round before.

    The checkpoint, the history and the settings are written into ``train/`` of the round's folder, and the
    state that survives a kill into ``resume/``.

    Args:
        settings: mapping with the sections network and train.
        code: hash of the code that trains; a state of other code is not resumed.
        out: a folder to write into in place of the round's.
    """
    from sshmr.training.round import RoundInputs, train_round

    shards = [shard for shard in run.shards() if shard.split == "train"]
    inputs = RoundInputs(
        points=[str(run.points_of(*shard)) for shard in shards],
        pseudo_labels=[str(run.pseudo_labels_of(round_ - 1, *shard)) for shard in shards],
        params=[str(run.params_of(round_ - 1, "fit", *shard)) for shard in shards],
        body=str(run.neutral),
        template=str(run.template),
        prior=str(run.prior),
        initial=str(run.checkpoint(round_ - 1))
        if round_ > 1
        else _pretrained(settings, run.neutral, run.template),
    )
    out = out or run.round(round_)
    train_round(
        inputs,
        settings,
        seed,
        device,
        out / "resume",
        out / "train" / run.checkpoint(round_).name,
        out / "train" / run.history(round_).name,
        out / "train" / run.training_settings(round_).name,
        code,
    )


def _pretrained(settings: dict[str, Any], body: PathLike, template: PathLike) -> str | None:
    """The shipped weights where the first round is to start from them, and body and template are theirs."""
    from sshmr.config.train import train_config
    from sshmr.network.pretrained import PRETRAINED, pretrained_path
    from sshmr.training.weights_file import read_about

    if train_config(settings.get("train", {})).initial != PRETRAINED:
        return None
    path = pretrained_path()
    about, picked = read_about(path), _template(template, body)
    same = (
        about["body_digest"] == picked.body_digest and list(about["vertex_ids"]) == picked.vertex_ids.tolist()
    )
    return str(path) if same else None


def infer(
    points: PathLike,
    checkpoint: PathLike,
    body: PathLike,
    template: PathLike,
    config: "InferConfig",
    output: PathLike,
    device: "str | torch.device" = "cpu",
    progress: Callable[..., Iterable[Any]] = track,
) -> None:
    """Predict the body of every cloud of a points table and write the params table."""
    from sshmr.tables.schemas import params_schema, provenance, read_points, write_table
    from sshmr.training.infer import infer as infer_clouds

    loaded, network = _network(checkpoint, template, body, device)
    columns = infer_clouds(network, read_points(points), _body(body).to(device=device), config, progress)
    about = {
        "stage": "infer",
        "body_digest": _body(body).digest,
        "epoch": loaded["best_epoch"],
        "simulated": provenance(points).get("simulated", False),
    }
    write_table(output, columns, params_schema(), about)


def evaluate(
    run: RunFolder, round_: int, shards: Iterable[Shard], config: "EvaluateConfig", output: PathLike
) -> list[str]:
    """Measure every frame of some shards in one round; returns notes for the reader."""
    from sshmr.evaluation.parts import write_frame_measures
    from sshmr.evaluation.rounds import measure_frames

    shards = list(shards)
    # Round 0 has predictions where the loop starts from a pretrained network.
    initial = run.manifest.get("settings", {}).get("train", {}).get("initial")
    found = any(run.params_of(0, "network", *shard).exists() for shard in shards)
    predicted = round_ > 0 or (found and initial != "none")
    stages = ("fit", "network") if predicted else ("fit",)
    measured = measure_frames(run, round_, stages, shards, config)
    write_frame_measures(output, measured)
    return measured.gaps.notes(run.bodies)


def merge_measures(run: RunFolder, config: "EvaluateConfig") -> "Evaluation":
    """Write the run's measures: means over all frames and over each sequence, for every round."""
    from sshmr.evaluation.parts import merge_parts
    from sshmr.evaluation.tables import write_measures

    last = run.manifest.get("rounds")
    evaluation = merge_parts(run, run.rounds() if last is None else range(last + 1))
    write_measures(run.measures, evaluation.rows, config)
    return evaluation


def report(run: RunFolder, config: "ReportConfig", output: PathLike, strip: PathLike) -> None:
    """Write the report's page, and a picture of a typical frame."""
    from sshmr.report.page import write_report

    write_report(run, config, Path(output), Path(strip))


def _bodies_in(folder: PathLike) -> "Callable[[str], BodyModel | None]":
    """A function of a gender that loads its body from ``{gender}.npz``; None where there is none."""
    from sshmr.body.model import BodyModel

    def load(gender: str) -> "BodyModel | None":
        path = Path(folder) / f"{gender}.npz"
        return _kept(BodyModel.load, path) if path.is_file() else None

    return load


def _body(path: PathLike) -> "BodyModel":
    from sshmr.body.model import BodyModel

    return _kept(BodyModel.load, path)


def _template(path: PathLike, body: PathLike) -> "Template":
    from sshmr.body.template import Template

    return Template.load(path, _body(body))


def _prior(path: PathLike) -> "PosePrior":
    from sshmr.body.prior import PosePrior

    return _kept(PosePrior.load, path)


def _network(checkpoint: PathLike, template: PathLike, body: PathLike, device: "str | torch.device") -> Any:
    """The content of a checkpoint, and its network on the device."""
    from sshmr.training.checkpoint import load_checkpoint, network_from

    def load(path: str) -> Any:
        chosen = _template(template, body)
        content = load_checkpoint(path, chosen)
        return content, network_from(content, chosen, path).to(device)

    return _kept(load, checkpoint, key=f"network {_stamp(template)} {device}")


def _kept(load: Callable[[str], Any], path: PathLike, key: str = "") -> Any:
    """What ``load`` makes of a file, kept in memory for the next call as long as the file stays the same."""
    key = key or getattr(load, "__qualname__", "")
    if (key, _stamp(path)) not in _KEPT:
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[key, _stamp(path)] = load(str(path))
    return _KEPT[key, _stamp(path)]


MOST_KEPT = 16
_KEPT: dict[Any, Any] = {}


def _stamp(path: PathLike) -> tuple[str, int]:
    """A path, and when its file was last written."""
    return str(path), Path(path).stat().st_mtime_ns if Path(path).exists() else 0
