"""The errors of a network on people that were not used in training, by kind of sensor and pose."""

from collections.abc import Callable

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.infer import InferConfig
from sshmr.network.model import MeshRegressor
from sshmr.pretraining.clouds import VIEWS, SyntheticScenes
from sshmr.pretraining.coarse import CoarseBody
from sshmr.pretraining.poses import UNUSUAL, PoseMixture
from sshmr.pretraining.sensors import Sensor, depth_sensor, draw_sensor, lidar_sensor
from sshmr.training.batch import Batch, recentre, take
from sshmr.training.infer import predict_views

SEED = 7

KINDS: dict[str, tuple[Callable[[np.random.Generator], Sensor], dict[str, float]]] = {
    "depth": (depth_sensor, {"captured": 1.0}),
    "lidar": (lidar_sensor, {"captured": 1.0}),
    "unusual": (draw_sensor, UNUSUAL),
}
"""Depth cameras and LiDARs with captured poses; both with lying, seated, crawling and kneeling people."""

FAR_OFF = 150.0
"""Millimetres."""


def evaluation_clouds(
    body: BodyModel, template: Template, prior: PosePrior, poses: torch.Tensor, count: int, points: int
) -> dict[str, Batch]:
    """``count`` clouds of each of ``KINDS``, the same at every call; poses (Q, 72) of people that are not
    trained on."""
    coarse, clouds = CoarseBody.of(body, template), {}
    for name, (sensor, kinds) in KINDS.items():
        scenes = SyntheticScenes(coarse, PoseMixture(poses, prior, kinds), sensor)
        drawn = scenes.draw(-(-count // VIEWS), points, SEED)
        clouds[name] = recentre(take(drawn, slice(0, count)))
    return clouds


@torch.inference_mode()
def errors(
    network: MeshRegressor, clouds: dict[str, Batch], body: BodyModel, config: InferConfig
) -> dict[str, float]:
    """Mean MPJPE in millimetres and the share over 150 mm in percent, of each kind of clouds."""
    descriptors = network.encode_template()
    found = {}
    for name, batch in clouds.items():
        parts = []
        for start in range(0, len(batch.points), config.batch):
            few = take(batch, slice(start, start + config.batch))
            prediction, _ = predict_views(network, few.points, few.mask, descriptors, config)
            off = prediction.pose_body(body).joints - few.target.pose_body(body).joints
            parts.append(1000 * off.norm(dim=2).mean(1))
        error = torch.cat(parts)
        found[name] = float(error.mean())
        found[f"{name}_over_150_percent"] = 100 * float((error > FAR_OFF).float().mean())
    return found
