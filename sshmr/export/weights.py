"""A checkpoint's best weights for other programs: a safetensors file and a model card beside it."""

import json
from pathlib import Path
from typing import Any

import sshmr
from sshmr.body.model import BodyModel, open_body_path
from sshmr.evaluation.catalogue import MEASURES
from sshmr.evaluation.tables import ALL_JOINTS, ALL_SEQUENCES, read_measures
from sshmr.files import atomic_path
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import provenance
from sshmr.training.checkpoint import load_checkpoint
from sshmr.training.weights_file import save_weights

WEIGHTS, CARD = "weights.safetensors", "README.md"


def export_weights(checkpoint: str | Path, folder: str | Path) -> tuple[list[Path], dict[str, Any]]:
    """Write ``weights.safetensors`` and ``README.md``, its model card.

    The data and measures of the card are read from the run of the checkpoint
    (``RUN/round_N/train/checkpoint.pt``); for a checkpoint elsewhere, the card states that they are not
    known.

    Args:
        checkpoint: path. folder: where to write.

    Returns:
        The paths written, and the facts of the card: round, simulated, clouds, measures.

    Raises:
        InputError: when the checkpoint is missing, foreign or of another version.
    """
    loaded = load_checkpoint(checkpoint)
    known = _of_run(Path(checkpoint))
    about = {
        "version": sshmr.__version__,
        "network": loaded["network"],
        "body_digest": loaded["body_digest"],
        "vertex_ids": loaded["vertex_ids"].tolist(),
        "seed": loaded["seed"],
        "epoch": loaded["best_epoch"],
        "simulated": known["simulated"],
    }
    weights, card = Path(folder) / WEIGHTS, Path(folder) / CARD
    save_weights(weights, about, loaded["weights"])
    with atomic_path(card) as temporary:
        temporary.write_text(_card(loaded, known, sum(value.numel() for value in loaded["weights"].values())))
    return [weights, card], known


def _of_run(checkpoint: Path) -> dict[str, Any]:
    """The facts of the run around a checkpoint: round, simulated, clouds, measures; None if they are not
    known."""
    known = dict.fromkeys(("round", "simulated", "clouds", "measures"))
    settings = checkpoint.with_name("settings.json")
    if settings.is_file():
        known["clouds"] = json.loads(settings.read_text()).get("clouds")
    parents = checkpoint.resolve().parents
    name = parents[1].name if len(parents) > 2 else ""
    if not name.startswith("round_"):
        return known
    run, known["round"] = RunFolder(parents[2]), int(name.removeprefix("round_"))
    stated = {provenance(path).get("simulated") for path in run.points()}
    if stated in ({True}, {False}):
        known["simulated"] = stated.pop()
    measures = run.root / "measures.parquet"
    if measures.is_file():
        rows = read_measures(measures)
        rows = rows[(rows["round"] == known["round"]) & (rows["stage"] == "network")]
        rows = rows[(rows["sequence"] == ALL_SEQUENCES) & (rows["joint"] == ALL_JOINTS)]
        known["measures"] = rows[["split", "measure", "value", "frames"]].to_dict("records") or None
    return known


def _card(checkpoint: dict[str, Any], known: dict[str, Any], numbers: int) -> str:
    opened = checkpoint["body_digest"] == BodyModel.load(open_body_path("neutral")).digest
    free = known["simulated"] and opened
    data = {
        True: "**Simulated** clouds: no real sensor and no real person.",
        False: "Recorded clouds.",
        None: "Not known: the checkpoint was outside its run's folder.",
    }[known["simulated"]]
    terms = (
        "Apache-2.0."
        if free
        else "The terms of the training data and of the body apply. sshmr does not know them."
    )
    clouds = "" if known["clouds"] is None else f" {known['clouds']} clouds were used for training."
    round_ = "" if known["round"] is None else f" of round {known['round']}"
    return f"""---
license: {"apache-2.0" if free else "other"}
library_name: sshmr
---
# Human bodies from partial point clouds

Best weights{round_} (epoch {checkpoint["best_epoch"]}) of the network of sshmr
{sshmr.__version__}, {numbers:,} parameters. Input: a centred cloud, metres, y up. Output: each point's place
on a template, and a body in SMPL's parameters.

**Data.** {data}{clouds} The labels are the loop's own fits. No ground truth was used.

**Body.** {"The open body that ships with sshmr (CC0)." if opened else "Not the open body of sshmr."}
Digest `{checkpoint["body_digest"]}`.

**Licence.** {terms}

**Limits.** One person per cloud, without the ground. Use a prediction as the start of a fit.

## Measures

{_measures(known)}

## Settings

```json
{json.dumps({key: checkpoint[key] for key in ("seed", "network", "train")}, indent=2)}
```
"""


def _measures(known: dict[str, Any]) -> str:
    if not known["measures"]:
        return "None are known."
    where = " on **simulated** data" if known["simulated"] else ""
    lines = [f"The network's predictions without a fit{where}; docs/measures.md defines them.", ""]
    lines += ["| split | measure | value | frames |", "|---|---|---|---|"]
    for row in known["measures"]:
        about = MEASURES.get(row["measure"])
        unit = about.unit if about else ""
        lines.append(f"| {row['split']} | {row['measure']} | {row['value']:.1f} {unit} | {row['frames']} |")
    return "\n".join(lines)
