"""Learn the confidence of a fit, and test its calibration on people that it has not seen.

    python benchmarks/confidence.py POSES.parquet --frames 200

POSES.parquet has the columns subject and pose. Pose prior, start poses and coefficients are learned from
three quarters of the subjects, each seen by a simulated depth camera and a simulated LiDAR. The other quarter
is for testing. The program prints the constants for ``sshmr/fit/confidence.py``. The last line is JSON.
"""

import argparse
import json

import clouds
import numpy as np
import people
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.fit.confidence import QUANTITIES, confidence, evidence
from sshmr.fit.engine import Engine
from sshmr.fit.residuals import residuals
from sshmr.fit.surface import SurfaceElements
from sshmr.progress import track
from sshmr.report.frame_errors import GOOD, calibration
from sshmr.runtime import keep_freed_memory

SENSORS = {"depth": clouds.depth_camera, "lidar": clouds.lidar}


@torch.no_grad()
def fitted(engine, body, poses, count, seed):
    """Evidence (F, 5) and MPJPE (F,) metres of fits without a prediction, ``count`` for each sensor."""
    found, error = [], []
    for sensor in SENSORS.values():
        frames = clouds.frames(sensor, poses, count, seed)
        step = engine.config.batch
        for at in track(range(0, count, step), "fit"):
            cloud, mask = (torch.from_numpy(part[at : at + step]) for part in (frames.points, frames.mask))
            state = engine.from_nothing(cloud, mask).state
            residual = residuals(body, state, cloud, mask).median
            found.append(evidence(engine.surface, engine.prior, cloud, mask, state, residual))
            joints = body(state.pose, state.betas, state.transl).joints.numpy()
            error.append(np.linalg.norm(joints - frames.joints[at : at + step], axis=2).mean(1))
    return torch.cat(found), np.concatenate(error)


def learned(found, good):
    """Logistic regression on standardised evidence: mean, scale, coefficients, intercept."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = found.mean(0), found.std(0)
    model = LogisticRegression().fit((found - mean) / scale, good)
    return mean, scale, model.coef_[0], model.intercept_[0]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--frames", type=int, default=200, help="clouds of each sensor and half")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    known = people.split(options.poses, options.seed)
    body = BodyModel.load(open_body_path("neutral"))
    surface = SurfaceElements.of(body, build_template(body).vertex_ids)
    engine = Engine(surface, known.prior, FitConfig(), known.starts)
    found, error = fitted(engine, body, known.seen, options.frames, options.seed)
    values = learned(found.numpy(), error < GOOD)
    for name, value in zip(("MEAN", "SCALE", "COEFFICIENTS", "INTERCEPT"), values, strict=True):
        print(f"{name} = {np.round(value, 4).tolist()}  # {', '.join(QUANTITIES)}")
    mean, scale, coefficients, intercept = values
    held, truth = fitted(engine, body, known.held_out, options.frames, options.seed + 1)
    fresh = 1 / (1 + np.exp(-((held.numpy() - mean) / scale @ coefficients + intercept)))
    result = {"frames_seen": len(error), "frames_held_out": len(truth)}
    result["good_share_held_out"] = float((truth < GOOD).mean())
    for name, sure in (("learned_now", fresh), ("shipped", confidence(held).numpy())):
        table, gap = calibration(sure, truth)
        print(f"{name}: reliability, expected calibration error {gap:.3f} on held-out subjects")
        print(table.round(3).to_string(index=False))
        result[name] = {
            "expected_calibration_error": float(gap),
            "area_under_roc": ranked(sure, truth < GOOD),
        }
    print(json.dumps(result))


def ranked(sure, good):
    """Probability that a good fit has a higher confidence than a bad one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(good, sure)) if 0 < good.mean() < 1 else None


if __name__ == "__main__":
    main()
