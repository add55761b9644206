"""The energy of a fit: a robust mixture over the cloud, priors on pose, bending and shape, and penetration.

Every term is a negative log likelihood in nats, so that weights are plain multipliers and the energies of
two hypotheses for one cloud can be compared.
"""

from typing import NamedTuple

import torch

from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.linearise import Expected, State, skin
from sshmr.fit.penetration import separation_energy
from sshmr.fit.surface import SurfaceElements

LEFT_KNEE, RIGHT_KNEE, LEFT_ELBOW, RIGHT_ELBOW = 4, 5, 18, 19
BENDING = ((LEFT_KNEE, 0, -1.0), (RIGHT_KNEE, 0, -1.0), (LEFT_ELBOW, 1, 1.0), (RIGHT_ELBOW, 1, -1.0))
"""Joint, axis of its rotation vector, and the sign that makes unnatural bending positive (SMPLify)."""

COVERAGE_CAP = 0.3
"""Metres. Larger distances from a vertex to the cloud are cut to this."""

BEHIND, BEHIND_SOFTNESS = 0.12, 0.02
"""Metres. Skin is occluded by other skin that is at least this far in front of it. Nearer skin may be the
same surface."""

OCCLUDER = 1.0
"""Occlusion radius of a vertex in metres, divided by the square root of the number of vertices."""

EDGE = 0.015
"""Metres. Width of the soft edge of a cut cloud."""

STEEP = 1e6
"""Metres by which a vertex recedes per square metre beyond that radius, so that it occludes nothing."""

ONE_SIDED = 0.3
"""Shortest length of a view direction. A shorter one means that the cloud was seen from several sides."""

UPRIGHT_CONCENTRATION = 10.0
"""Concentration of the von Mises-Fisher density of the pelvis' upward axis, in motion capture of upright
people."""

MIN_EXPONENT = -80.0
"""Below it, exp underflows to denormal numbers, which are thirty times slower on a CPU."""


class Sight(NamedTuple):
    """What is known of how R clouds were seen; None where it is not.

    Attributes:
        sensor: (R, 3) metres, where the sensor was, NaN in the rows where nobody knows.
        frame: (R, 2) metres, the lowest and the highest height that each cloud shows.
    """

    sensor: torch.Tensor | None = None
    frame: torch.Tensor | None = None

    def rows(self, index: torch.Tensor) -> "Sight":
        """Of some of the clouds."""
        return Sight(*(None if part is None else part[index] for part in self))


NOTHING_KNOWN = Sight()


class Problem(NamedTuple):
    """R clouds and the body that is fitted to them.

    Attributes:
        surface: SurfaceElements of M vertices of the body. prior: PosePrior.
        points: (R, N, 3) metres; mask: (R, N) bool. config: FitConfig.
        sight: how the clouds were seen. expected: what the previous round suggests, or None.
    """

    surface: SurfaceElements
    prior: PosePrior
    points: torch.Tensor
    mask: torch.Tensor
    config: FitConfig
    sight: Sight = NOTHING_KNOWN
    expected: Expected | None = None

    def rows(self, index: torch.Tensor) -> "Problem":
        """Some of the clouds, in any number of copies."""
        return self._replace(
            points=self.points[index],
            mask=self.mask[index],
            sight=self.sight.rows(index),
            expected=None if self.expected is None else self.expected.rows(index),
        )


ALONG_Z = torch.tensor([0.0, 0.0, 1.0])


class Correspondence(NamedTuple):
    """E step. mass (R, M); target (R, M, 3) metres; log_likelihood (R, N) nats; inlier (R, N) in 0..1."""

    mass: torch.Tensor
    target: torch.Tensor
    log_likelihood: torch.Tensor
    inlier: torch.Tensor


def soft_correspondence(
    vertices: torch.Tensor,
    points: torch.Tensor,
    mask: torch.Tensor,
    variance: torch.Tensor,
    outlier_weight: float,
    log_weight: torch.Tensor | None = None,
    count: torch.Tensor | None = None,
) -> Correspondence:
    """Posterior of each point belonging to each model vertex (E step of coherent point drift).

    Args:
        vertices: (R, M, 3) metres. Gaussian centres.
        points: (R, N, 3) metres; rows where ``mask`` is False are ignored.
        mask: (R, N) bool, True for real points.
        variance: (R,) square metres, > 0.
        outlier_weight: weight μ of the uniform class, 0 < μ < 1.
        log_weight: (R, M) log of each vertex's share in the mixture; None: equal shares.
        count: (R,) number of points of each whole cloud, if ``points`` are only a part of it.

    Source: Myronenko & Song, "Point Set Registration: Coherent Point Drift", TPAMI 2010, eq. 6, with the
    uniform class spread over one cubic metre per ``N`` points as there.
    """
    size = vertices.shape[1] if log_weight is None else log_weight.exp().sum(1)
    exponent = _gaussian_exponent(vertices, points, 0.5 / variance, log_weight)
    exponent = exponent.clamp_(MIN_EXPONENT, 0.0).exp_()
    count = mask.sum(1).clamp_min(1) if count is None else count
    uniform = (2 * torch.pi * variance) ** 1.5 * (outlier_weight / (1 - outlier_weight)) * size / count
    total = exponent.sum(1) + uniform[:, None]
    share = mask / total
    moments = exponent @ torch.cat([points * share[..., None], share[..., None]], dim=2)
    mass = moments[..., 3]
    target = moments[..., :3] / mass.clamp_min(1e-12)[..., None]
    log_likelihood = (total / uniform[:, None]).log() * mask
    return Correspondence(mass, target, log_likelihood, (1 - uniform[:, None] / total) * mask)


def _gaussian_exponent(
    vertices: torch.Tensor, points: torch.Tensor, scale: torch.Tensor, log_weight: torch.Tensor | None
) -> torch.Tensor:
    """−scale · squared distance as one matrix product: (R, M, 3), (R, N, 3), (R,) → (R, M, N)."""
    scale = scale[:, None, None]
    offset = -scale * vertices.square().sum(2, keepdim=True)
    if log_weight is not None:
        offset = offset + log_weight[..., None]
    left = torch.cat([2 * scale * vertices, offset], 2)
    left = torch.cat([left, torch.ones_like(left[..., :1])], 2)
    right = torch.cat([points, torch.ones_like(points[..., :1])], 2)
    right = torch.cat([right, -scale * points.square().sum(2, keepdim=True)], 2)
    return left @ right.transpose(1, 2)


def bending(body_pose: torch.Tensor) -> torch.Tensor:
    """Unnatural bending of knees and elbows: (R, 69) → (R, 4) radians, positive when unnatural."""
    columns = [3 * (joint - 1) + axis for joint, axis, _ in BENDING]
    signs = body_pose.new_tensor([sign for *_, sign in BENDING])
    return body_pose[:, columns] * signs


def upright_energy(root: torch.Tensor, unusual: float) -> torch.Tensor:
    """Negative log likelihood of the pelvis' tilt, relative to a uniform distribution: (R, 3, 3) → (R,) nats.

    People who stand or walk tilt it by about 15° at most. A share ``unusual`` of people has any tilt.
    """
    density = 2 * UPRIGHT_CONCENTRATION * (UPRIGHT_CONCENTRATION * (root[:, 1, 1] - 1)).exp()
    return -((1 - unusual) * density + unusual).log()


def view_direction(mass: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """The direction to the sensor, from the normals of the visible surface: (R, M), (R, M, 3) → (R, 3),
    length 0 to 1."""
    return (mass[..., None] * normals).sum(1) / mass.sum(1).clamp_min(1e-9)[:, None]


def visibility(
    vertices: torch.Tensor,
    normals: torch.Tensor,
    view: torch.Tensor,
    sharpness: float,
    sight: Sight = NOTHING_KNOWN,
) -> torch.Tensor:
    """Log weight (R, M) of each vertex's visibility from the sensor: near zero if it is visible.

    Negative where the skin turns away, where another part of the body occludes it, and outside of the heights
    that the cloud shows. ``view`` (R, 3), from ``view_direction``, counts where ``sight`` has no sensor.
    """
    log_sigmoid = torch.nn.functional.logsigmoid
    ahead, places = view[:, None].expand_as(vertices), vertices
    if sight.sensor is not None:
        known = sight.sensor.isfinite().all(1)[:, None, None]
        ray, flat = seen_from(vertices, sight.sensor)
        ahead, places = torch.where(known, ray, ahead), torch.where(known, flat, vertices)
        view = torch.where(known[:, 0], ALONG_Z.to(view), view)
    seen = log_sigmoid(sharpness * (normals * ahead).sum(2))
    seen = seen + log_sigmoid((BEHIND - depth_behind(places, view)) / BEHIND_SOFTNESS)
    if sight.frame is None:
        return seen
    height, (low, high) = vertices[..., 1], sight.frame[..., None].unbind(1)
    return seen + log_sigmoid((height - low) / EDGE + 2) + log_sigmoid((high - height) / EDGE + 2)


def seen_from(vertices: torch.Tensor, sensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (R, M, 3) as a sensor (R, 3) sees them, metres.

    Returns:
        (R, M, 3) unit vectors towards the sensor; (R, M, 3) places that a sensor far away along +z would see
        in the same way: across as at the vertices' mean distance, and minus the distance.
    """
    ray = sensor[:, None] - vertices
    distance = ray.norm(dim=2, keepdim=True).clamp_min(1e-3)
    ray = ray / distance
    axis = torch.nn.functional.normalize(ray.mean(1), dim=1)
    least = torch.nn.functional.one_hot(axis.abs().argmin(1), 3).to(axis)
    right = torch.nn.functional.normalize(torch.linalg.cross(least, axis), dim=1)
    up = torch.linalg.cross(axis, right)
    across = -distance.mean(1, keepdim=True) * (ray @ torch.stack([right, up], 2))
    return ray, torch.cat([across, -distance], 2)


def depth_behind(vertices: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Distance of each vertex behind the first one on its line of sight: (R, M, 3), (R, 3) → (R, M).

    In metres. The sensor is assumed to be far away. Zero if a cloud was seen from several sides.
    """
    length = view.norm(dim=1, keepdim=True)
    ahead = view / length.clamp_min(1e-9)
    depth = (vertices @ ahead[..., None])[..., 0]
    across = vertices - depth[..., None] * ahead[:, None]
    reach = OCCLUDER * vertices.shape[1] ** -0.5
    squares = across.square().sum(2, keepdim=True)
    one = torch.ones_like(squares)
    left, right = torch.cat([2 * across, -squares, -one], 2), torch.cat([across, one, squares - reach**2], 2)
    within = (STEEP * left) @ right.transpose(1, 2)
    foremost = within.clamp_max_(0).add_(depth[:, None]).amax(2)
    return (foremost - depth) * (length > ONE_SIDED)


def energies(
    problem: Problem, state: State, view: torch.Tensor
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The terms of R fits, comparable between hypotheses for one cloud.

    Args:
        view: (R, 3) from ``view_direction``.

    Returns:
        dict of (R,) nats: ``energy`` (the sum), ``energy_correspondence``, ``energy_chamfer`` (how far the
        vertices that face the sensor lie from the cloud, capped), ``energy_prior`` (pose, bending and limbs
        under other skin), ``energy_shape``; and the vertices (R, M, 3).
    """
    surface, prior, points, mask, config, sight, expected = problem
    posed = skin(surface.body, state)
    vertices = posed.vertices
    normals = surface.turned_normals(posed.rotations)
    seen = visibility(vertices, normals, view, config.facing, sight)
    variance = torch.full((len(points),), config.compare_spread**2, dtype=points.dtype, device=points.device)
    match = soft_correspondence(vertices, points, mask, variance, config.outlier_weight, seen)
    count = mask.sum(1).clamp_min(1)
    trust = (config.effective_points / count).clamp(max=1.0)
    far = torch.where(mask, 0.0, 1e3)[:, None]
    reach = (torch.cdist(vertices, points) + far).amin(2).clamp(max=COVERAGE_CAP)
    share = seen.exp()
    terms = {
        "energy_correspondence": -trust * match.log_likelihood.sum(1),
        "energy_chamfer": config.coverage_weight * (share * reach).sum(1) / share.sum(1),
        "energy_prior": config.pose_weight * prior.negative_log_likelihood(state.body)
        + (upright_energy(state.root, config.unusual) if config.unusual else 0.0)
        + config.bending_weight * 0.25 * (2 * bending(state.body)).clamp(max=6.0).exp().sum(1)
        + config.penetration_weight * separation_energy(vertices, normals, surface),
        "energy_shape": 0.5 * config.shape_weight * state.betas.square().sum(1),
    }
    if expected is not None:
        shape = (expected.company * (state.betas - expected.betas).square()).sum(1)
        pose = (expected.agreement * (state.body - expected.body).square()).sum(1)
        terms["energy_shape"] = terms["energy_shape"] + 0.5 * config.shared_shape_weight * shape
        terms["energy_prior"] = terms["energy_prior"] + 0.5 * config.smooth_weight * pose
    return {"energy": sum(terms.values(), start=vertices.new_zeros(())), **terms}, vertices
