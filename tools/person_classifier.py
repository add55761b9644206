"""Train the classifier of sshmr/people on simulated scenes and write sshmr/people/assets/classifier.npz.

    python -m tools.person_classifier --scenes 400 --output sshmr/people/assets/classifier.npz

Needs scikit-learn (pip install 'sshmr[body]'). Everything is simulated: the open body in drawn poses and a
plain gait, among simple meshes, seen by LiDARs of 16 to 128 rings and depth cameras. Learned is how much a
candidate piece overlaps with a person's points (intersection over union), 0 for other things.
"""

import argparse
import dataclasses
import functools
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.config.capture import LidarConfig
from sshmr.files import atomic_path
from sshmr.geometry.up_axes import TO_Y_UP
from sshmr.people.candidates import HIGH, LOW, find_pieces
from sshmr.people.features import NAMES, describe
from sshmr.people.ground import find_ground
from tools.scenes.scene import Scene
from tools.scenes.settings import LIDARS, SceneConfig, scene_preset

KINDS = {"walk": 0.44, "stand": 0.34, "sit": 0.08, "crouch": 0.03, "ride": 0.11}
LEAST_POINTS = 15
SENSORS = 3
"""LiDARs that see each scene in turn."""


def random_settings(rng: np.random.Generator) -> SceneConfig:
    """Settings of one scene of a single frame."""
    indoors = rng.random() < 0.35
    common = {
        "frames": 1,
        "kinds": KINDS,
        "people": int(rng.integers(1, 7)),
        "roughness": rng.uniform(0, 0.1) * (not indoors),
        "indoors": bool(indoors),
    }
    if rng.random() < 0.3:
        common |= {"indoors": True, "roughness": 0.0, "people": int(rng.integers(1, 5))}
        size = {"height_pixels": 240, "focal": rng.uniform(230, 330)} if rng.random() < 0.5 else {}
        return scene_preset(
            "depth", things=int(rng.integers(3, 16)), height=rng.uniform(0.7, 2.2), pitch=rng.uniform(0, 0.4),
            noise=rng.uniform(0.001, 0.004), reach=rng.uniform(5, 8), distance=(1.2, rng.uniform(3.5, 5.5)),
            **size, **common,
        )  # fmt: skip
    view = 360.0 if rng.random() < 0.4 else rng.uniform(60, 140)
    return scene_preset(
        "lidar64", lidar=random_lidar(rng), things=int(rng.integers(8, 60)), height=rng.uniform(0.6, 2.2),
        distance=(2.5, rng.uniform(8, 28)), view=view, spread=np.radians(view / 2), **common,
    )  # fmt: skip


def random_lidar(rng: np.random.Generator) -> LidarConfig:
    """One like the common ones, with other rings and steps."""
    base = LIDARS[str(rng.choice(list(LIDARS)))]
    lowest = base.lowest + rng.uniform(-5, 5)
    highest = max(base.highest + rng.uniform(-3, 6), lowest + 12)
    return LidarConfig(
        rings=base.rings, lowest=lowest, highest=highest,
        azimuth_step=base.azimuth_step * rng.uniform(0.7, 1.6), range_noise=rng.uniform(0.003, 0.03),
        dropout=rng.uniform(0.0, 0.15), grazing=rng.uniform(0.02, 0.2),
    )  # fmt: skip


def examples(number: int, load_body, prior: PosePrior) -> tuple[np.ndarray, np.ndarray]:
    """Features (P, F) of one scene's candidates and their overlaps (P,) with people."""
    rng = np.random.default_rng([20, number])
    settings = random_settings(rng)
    scene = Scene(settings, load_body, prior, 10_000 + number)
    views = [view_examples(scene, rng)]
    for _ in range(SENSORS - 1 if settings.sensor == "lidar" else 0):
        changes = {"lidar": random_lidar(rng), "height": rng.uniform(0.6, 2.2)}
        scene.sensor = scene.sensor_of(dataclasses.replace(settings, **changes))
        views.append(view_examples(scene, rng))
    features, overlaps = zip(*views, strict=True)
    return np.concatenate(features), np.concatenate(overlaps)


def view_examples(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Examples of what the scene's sensor sees."""
    seen = scene.frame(0)
    up = "z" if scene.sensor.lidar else "-y"
    points = seen.sweep.points.astype(np.float64) @ np.array(TO_Y_UP[up]).T
    if rng.random() < 0.1:
        points += [200.0, 0.0, 0.0]  # elsewhere: nobody knows the sensor's place
    ground = find_ground(points)
    level = points @ ground.turn.T
    above = ground.above(level)
    pieces = find_pieces(level, above)
    owner = np.where((above > LOW) & (above < HIGH), seen.sweep.person, 0)
    held = np.bincount(owner, minlength=8)
    overlap = np.zeros(len(pieces.members))
    for row, members in enumerate(pieces.members):
        inside = np.bincount(owner[members], minlength=8)
        inside[0] = 0
        overlap[row] = (inside / (held + len(members) - inside)).max()
        if held[inside.argmax()] < LEAST_POINTS and inside.max():
            overlap[row] = np.nan  # too little is seen of this person to learn from
    known = np.isfinite(overlap)
    return describe(level, above, pieces)[known], overlap[known]


def pack(model: HistGradientBoostingRegressor) -> dict[str, np.ndarray]:
    """The trees as arrays (T, N): feature (−1: a leaf), threshold, left, right, value, missing goes left."""
    trees = [predictor[0].nodes for predictor in model._predictors]
    most = max(map(len, trees))
    packed = {
        "feature": np.full((len(trees), most), -1, np.int8),
        "threshold": np.zeros((len(trees), most), np.float32),
        "left": np.zeros((len(trees), most), np.uint8),
        "right": np.zeros((len(trees), most), np.uint8),
        "value": np.zeros((len(trees), most), np.float32),
        "missing_left": np.zeros((len(trees), most), bool),
    }
    for row, nodes in enumerate(trees):
        inner = nodes["is_leaf"] == 0
        here = slice(0, len(nodes))
        packed["feature"][row, here] = np.where(inner, nodes["feature_idx"], -1)
        packed["threshold"][row, here] = np.where(inner, nodes["num_threshold"], 0)
        packed["left"][row, here], packed["right"][row, here] = nodes["left"], nodes["right"]
        packed["value"][row, here] = nodes["value"]
        packed["missing_left"][row, here] = nodes["missing_go_to_left"] == 1
    packed["value"] = np.where(packed["feature"] < 0, packed["value"], 0).astype(np.float32)
    return packed | {"base": np.float32(model._baseline_prediction.item()), "names": np.array(NAMES)}


def main() -> None:
    """Simulate, train, say how well held-out scenes are told, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--cache", type=Path, help="examples are kept in and read from this .npz")
    parser.add_argument("--output", type=Path, default=Path("sshmr/people/assets/classifier.npz"))
    arguments = parser.parse_args()
    load_body = functools.lru_cache(
        lambda gender: BodyModel.load(open_body_path(gender), dtype=torch.float64)
    )
    prior = PosePrior.load(open_prior_path())
    features, overlaps, scenes = [], [], []
    known = 0
    if arguments.cache and arguments.cache.exists():
        kept = np.load(arguments.cache)
        features, overlaps, scenes = [kept["features"]], [kept["overlaps"]], [kept["scenes"]]
        known = int(kept["known"])
    for number in range(known, arguments.scenes):
        some, overlap = examples(number, load_body, prior)
        features.append(some)
        overlaps.append(overlap)
        scenes.append(np.full(len(some), number))
        last = number == arguments.scenes - 1
        if number % 25 == 0 or last:
            print(f"{number + 1} scenes, {sum(map(len, overlaps))} candidates", flush=True)
        if arguments.cache and (number % 25 == 24 or last):
            everything = {"features": np.concatenate(features), "overlaps": np.concatenate(overlaps)}
            np.savez(arguments.cache, scenes=np.concatenate(scenes), known=number + 1, **everything)
    x, y, scene = np.concatenate(features), np.concatenate(overlaps), np.concatenate(scenes)
    held_out = scene % 5 == 4
    settings = {
        "max_iter": 250, "learning_rate": 0.08, "max_leaf_nodes": 24, "min_samples_leaf": 20,
        "l2_regularization": 1.0, "random_state": 0,
    }  # fmt: skip
    # Pieces of people are few beside those of things, and weigh as much.
    weight = np.where(y > 0.3, max(1.0, (y <= 0.3).sum() / max((y > 0.3).sum(), 1) / 4), 1.0)
    model = HistGradientBoostingRegressor(**settings).fit(x[~held_out], y[~held_out], weight[~held_out])
    told = model.predict(x[held_out])
    for limit in (0.3, 0.4, 0.5, 0.6):
        right = (told > limit) & (y[held_out] > 0.5)
        print(
            f"score > {limit}: {right.sum() / max((told > limit).sum(), 1):.3f} of the pieces are people, "
            f"{right.sum() / (y[held_out] > 0.5).sum():.3f} of the good pieces are found"
        )
    final = HistGradientBoostingRegressor(**settings).fit(x, y, weight)
    with atomic_path(arguments.output) as temporary:
        np.savez_compressed(temporary, **pack(final))
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
