"""Learn the confidence of a fit on clouds of all kinds, and test its calibration on each kind.

    python benchmarks/confidence.py POSES.parquet --frames 12

POSES.parquet is the motion table that the shipped network was trained with. A quarter of its subjects is left
out of pose prior, start poses and network; half of these is used for learning and the other half for the
test, as benchmarks/wild_clouds.py shows them: sensors of 16 to 128 rings, depth cameras near and far, parts,
clothes, ground, strays, rare postures. The program prints the constants for ``sshmr/fit/confidence.py``. The
last line is JSON.
"""

import argparse
import json

import numpy as np
import pandas as pd
import people
import torch
import wild_clouds
from wild import Fitter

from sshmr.config.fit import FitConfig
from sshmr.evaluation.measures import visible_mpjpe
from sshmr.fit.confidence import QUANTITIES, confidence, evidence
from sshmr.report.frame_errors import GOOD, calibration
from sshmr.runtime import keep_freed_memory

OTHER_SIZES = ("child",)
"""Groups left out: ``fit.size: adult`` is not meant for them."""
STRENGTH = 0.3
"""Inverse of the regularisation of the regression."""


@torch.no_grad()
def fitted(fitter: Fitter, poses: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Evidence (F, Q) of fits, and of each the group and the MPJPE over the visible joints, metres.

    There are ``count`` clouds of each kind.
    """
    found, rows = [], []
    for group, kinds in wild_clouds.GROUPS.items():
        if group in OTHER_SIZES:
            continue
        for kind in kinds.values():
            frames, seen, _ = wild_clouds.draw(kind, poses, count, seed)
            at = 0
            for one in fitter(frames):
                state = one.fitted.state
                here = slice(at, at + len(state.transl))
                at = here.stop
                points, mask = (torch.from_numpy(part[here]) for part in (frames.points, frames.mask))
                data = (fitter.engine.surface, fitter.engine.prior, points, mask, state, one.residual)
                found.append(evidence(*data).numpy())
                joints = fitter.body(state.pose, state.betas, state.transl).joints.numpy()
                error = np.linalg.norm(joints - frames.joints[here], axis=2)
                shown = visible_mpjpe(error, one.visible.numpy() & seen[here])
                rows += [{"group": group, "error": value} for value in shown]
        print(f"{group}: {len(rows)} clouds", flush=True)
    return np.concatenate(found), pd.DataFrame(rows)


def learned(found: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Logistic regression on standardised evidence: mean, scale, coefficients, intercept."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = found.mean(0), found.std(0)
    model = LogisticRegression(C=STRENGTH).fit((found - mean) / scale, good)
    return mean, scale, model.coef_[0], float(model.intercept_[0])


def left_out(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Poses (P, 72) of the two halves of the subjects that ``people.split`` leaves out."""
    table = pd.read_parquet(path)
    names = np.random.default_rng(0).permutation(np.unique(table["subject"]))
    names = names[: max(2, len(names) // 4)]
    first, second = (
        np.stack(table["pose"][table["subject"].isin(names[half::2])]).astype(np.float64) for half in (0, 1)
    )
    return first, second


def main() -> None:
    """Learn, test and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--frames", type=int, default=12, help="clouds of each kind and half")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    fitter = Fitter(people.split(options.poses), FitConfig())
    first, second = left_out(options.poses)
    found, table = fitted(fitter, first, options.frames, options.seed)
    mean, scale, coefficients, intercept = learned(found, table["error"].to_numpy() < GOOD)
    for name, value in zip(
        ("MEAN", "SCALE", "COEFFICIENTS", "INTERCEPT"), (mean, scale, coefficients, intercept), strict=True
    ):
        print(f"{name} = {np.round(value, 4).tolist()}  # {', '.join(QUANTITIES)}")
    held, tested = fitted(fitter, second, options.frames, options.seed + 1)
    tested["learned_now"] = 1 / (1 + np.exp(-((held - mean) / scale @ coefficients + intercept)))
    tested["shipped"] = confidence(torch.from_numpy(held)).numpy()
    result: dict = {"clouds_seen": len(table), "clouds_held_out": len(tested)}
    for name in ("learned_now", "shipped"):
        reliability, gap = calibration(tested[name].to_numpy(), tested["error"].to_numpy())
        print(f"{name}: reliability, expected calibration error {gap:.3f} on held-out subjects")
        print(reliability.round(3).to_string(index=False))
        result[name] = {
            "expected_calibration_error": gap,
            "area_under_roc": ranked(tested[name].to_numpy(), (tested["error"] < GOOD).to_numpy()),
            "by_group": {
                str(group): {
                    "good": float((part["error"] < GOOD).mean()),
                    "confidence": float(part[name].mean()),
                    "expected_calibration_error": calibration(
                        part[name].to_numpy(), part["error"].to_numpy()
                    )[1],
                }
                for group, part in tested.groupby("group")
            },
        }
        print(pd.DataFrame(result[name]["by_group"]).T.round(3).to_string())
    print(json.dumps(result, default=float))


def ranked(sure: np.ndarray, good: np.ndarray) -> float | None:
    """Probability that a good fit has a higher confidence than a bad one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(good, sure)) if 0 < good.mean() < 1 else None


if __name__ == "__main__":
    main()
