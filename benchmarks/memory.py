"""Memory that a training step keeps for its gradient, counted on the CPU and extrapolated to a whole batch.

    python benchmarks/memory.py --preset paper

The program counts the tensors that a step saves between forward and backward, each storage once, for one and
for several clouds. It extrapolates to the batch. A cloud consists of the template's 1,024 vertices in some
pose, on all sides of the body: more voxels than any sensor sees. Weights, gradients and Adam's two moments
are added. The allocator's overhead and the kernels' temporary memory are not counted. The last line is JSON.
"""

import argparse
import json

import numpy as np
import torch
from network import PRESETS, settings_of

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.config.network import network_config
from sshmr.config.train import train_config
from sshmr.network.model import MeshRegressor
from sshmr.training.batch import recentre
from sshmr.training.objective import objective
from sshmr.training.synthetic import SyntheticPeople

GIB = 2**30
BYTES_A_PARAMETER = 4 * 4
"""Weight, gradient, two moments, all single precision."""


def saved_bytes(step, parameters):
    """Bytes that a step's forward pass keeps, without the parameters."""
    known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        total = step()
    del total
    return sum(kept.values())


def whole_clouds(people, posed, count):
    """A batch of the vertices of synthetic bodies; each vertex is its own label."""
    batch = people.draw(count, 1, torch.Generator().manual_seed(count))
    vertices = batch.target.pose_body(posed).vertices
    labels = torch.arange(vertices.shape[1]).expand(count, -1)
    ones = torch.ones(labels.shape)
    return recentre(batch._replace(points=vertices, mask=ones > 0, segment=labels, weight=ones))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--clouds", type=int, nargs="+", default=[1, 2, 4], help="batch sizes to measure")
    options = parser.parse_args()
    torch.manual_seed(0)
    settings = settings_of(options.preset)
    train = train_config(settings.get("train", {}))
    body = BodyModel.load(open_body_path("neutral"))
    template = build_template(body)
    network = MeshRegressor(network_config(settings.get("network", {})), template.vertices)
    people = SyntheticPeople(body, template, PosePrior.load(open_prior_path()))
    posed = body.subset(template.vertex_ids)
    parameters = list(network.parameters())
    measured = []
    for count in options.clouds:
        batch = whole_clouds(people, posed, count)

        def step(batch=batch):
            output = network(batch.points, batch.mask, matched_points=train.matched_points)
            return objective(output, batch, network, posed, train.weights, first_epoch=True)[0]

        measured.append(saved_bytes(step, parameters))
        print(f"{count} clouds: {measured[-1] / GIB:.2f} GiB kept", flush=True)
    each, fixed = np.polyfit(options.clouds, measured, 1)
    weights = BYTES_A_PARAMETER * sum(parameter.numel() for parameter in parameters)
    result = {
        "preset": options.preset, "batch": train.batch, "points": len(template.vertices),
        "weights_gib": weights / GIB, "fixed_gib": fixed / GIB, "each_cloud_gib": each / GIB,
    }  # fmt: skip
    for parts in (1, 2, 4):
        result[f"gib_in_{parts}"] = (weights + fixed + each * train.batch / parts) / GIB
        print(f"batch of {train.batch} in {parts}: {result[f'gib_in_{parts}']:.1f} GiB")
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main()
