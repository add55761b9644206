"""Expectation maximisation with Gauss–Newton steps on the E step's virtual targets.

The E step gives every model vertex a mass and a target; the M step is then a weighted least squares over 85
unknowns, in which the prior's best component enters through its whitening matrix. A fixed number of steps
with a falling spread; Levenberg–Marquardt damping keeps each step where the linearisation is valid.
"""

from collections.abc import Sequence

import torch

from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.energy import (
    BENDING,
    Problem,
    bending,
    soft_correspondence,
    view_direction,
    visibility,
)
from sshmr.fit.linearise import (
    BETAS,
    BODY,
    ROOT,
    TRANSL,
    UNKNOWNS,
    Expected,
    State,
    linearise,
)
from sshmr.fit.penetration import add_separation, separation

DAMPING = {"root": 1.0, "body": 4.0, "betas": 1.0, "transl": 10.0}
SNUG, SNUG_SHARPNESS = 0.015, 3.0
"""Metres. Targets farther outside the skin count as clothes or hair; width of the soft bound."""
RELAXED = 1.5
"""Factor on steps at small spreads, where expectation maximisation converges slowly. Source: Salakhutdinov &
Roweis, "Adaptive Overrelaxed Bound Optimization Methods", ICML 2003."""
MAX_TURN = 0.6
"""Radians. If a joint would rotate by more, the whole step is shortened."""


def refine(
    problem: Problem,
    state: State,
    spreads: Sequence[float],
    sliding: float,
    view: torch.Tensor | None = None,
    relaxed: float = 1.0,
) -> tuple[State, torch.Tensor]:
    """Move R bodies towards their clouds.

    Args:
        state: R start bodies.
        spreads: standard deviation of the correspondence at each step, metres.
        sliding: weight of a residual along the surface, relative to one across it.
        view: (R, 3) from an earlier call, or None.
        relaxed: factor on each step.

    Returns:
        The refined state, and the estimated direction to the sensor (R, 3).
    """
    for spread in spreads:
        hessian, gradient, view = equations(problem, state, spread, sliding, view)
        state = state.moved(_shortened(relaxed * _solve(hessian, gradient)))
    assert view is not None, "refine makes at least one step"
    return state, view


def equations(
    problem: Problem, state: State, spread: float, sliding: float, view: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Second-order approximation of the energy of R bodies at their state: one E step, without damping.

    Args:
        spread: of the correspondence, metres. The others as for ``refine``.

    Returns:
        hessian (R, 85, 85), gradient (R, 85) of the negative energy, and the view (R, 3).
    """
    surface, prior, points, mask, config, sight, expected = problem
    variance = torch.full((len(points),), spread**2, dtype=points.dtype, device=points.device)
    vertices, jacobian, rotations = linearise(surface.body, state)
    normals = surface.turned_normals(rotations)
    if view is None:
        match = soft_correspondence(vertices, points, mask, variance, config.outlier_weight)
        view = view_direction(match.mass, normals)
    seen = visibility(vertices, normals, view, config.facing, sight)
    match = soft_correspondence(vertices, points, mask, variance, config.outlier_weight, seen)
    view = view_direction(match.mass, normals)
    mass = match.mass * (_trust(mask, config) / variance)[:, None]
    apart = separation(jacobian, vertices, normals, surface)
    residual = match.target - vertices
    loose = looseness(residual, normals, spread, config.outside)
    hessian, gradient = _normal_equations(jacobian, residual, mass, normals, sliding, loose)
    if apart is not None:
        add_separation(hessian, gradient, apart, config.penetration_weight / len(surface.normals))
    _add_priors(hessian, gradient, prior, state, config)
    if expected is not None:
        _add_expected(hessian, gradient, state, expected, config)
    return hessian, gradient, view


def looseness(residual: torch.Tensor, normals: torch.Tensor, spread: float, outside: float) -> torch.Tensor:
    """Factor (R, M) on the weight of each vertex's residual across the surface.

    Clothes and hair are outside the skin. Beyond ``SNUG``, or the spread of a coarse step, the
    weight of an outward residual falls to ``outside``.

    Args:
        residual: (R, M, 3) metres, from the vertices to their targets; normals: (R, M, 3), outward.
        spread: standard deviation of the correspondence, metres.
    """
    snug = max(SNUG, spread)
    apart = (residual * normals).sum(2)
    return outside + (1 - outside) * torch.sigmoid(SNUG_SHARPNESS * (1 - apart / snug))


def _normal_equations(
    jacobian: torch.Tensor,
    residual: torch.Tensor,
    mass: torch.Tensor,
    normals: torch.Tensor,
    sliding: float,
    loose: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted least squares; residuals along the surface have the weight ``sliding``.

    Args:
        jacobian: (R, 85, 3, M); overwritten. residual: (R, M, 3) metres; normals: (R, M, 3) unit vectors;
            mass: (R, M) per square metre. loose: (R, M) factor on the residual across the surface.

    Returns:
        hessian (R, 85, 85), gradient (R, 85).
    """
    # The square root of the weights: that of ``sliding`` in every direction, 1 along the normal.
    flat, root = sliding**0.5, mass.sqrt()[:, None]
    normals, residual = normals.transpose(1, 2).contiguous(), residual.transpose(1, 2)
    across = jacobian[:, :, 0] * normals[:, None, 0]
    for axis in (1, 2):
        across.addcmul_(jacobian[:, :, axis], normals[:, None, axis])
    stretch = (loose.sqrt()[:, None] - flat) * root * normals
    jacobian.mul_((flat * root)[:, None]).addcmul_(across[:, :, None], stretch[:, None])
    residual = flat * root * residual + stretch * (residual * normals).sum(1, keepdim=True)
    jacobian = jacobian.flatten(2)
    return jacobian @ jacobian.transpose(1, 2), (jacobian @ residual.flatten(1)[..., None])[..., 0]


def _trust(mask: torch.Tensor, config: FitConfig) -> torch.Tensor:
    """(R,) number of independent observations per point."""
    count = mask.sum(1).clamp_min(1)
    return (config.effective_points / count).clamp(max=1.0)


def _add_priors(
    hessian: torch.Tensor, gradient: torch.Tensor, prior: PosePrior, state: State, config: FitConfig
) -> None:
    component = prior.component_energies(state.body).argmin(1)
    whitening = prior.whitening[component] * config.pose_weight**0.5
    residual = whitening @ (prior.means[component] - state.body)[..., None]
    hessian[:, BODY, BODY] += whitening.transpose(1, 2) @ whitening
    gradient[:, BODY] += (whitening.transpose(1, 2) @ residual)[..., 0]

    bent = bending(state.body)
    strength = config.bending_weight * (2 * bent).clamp(max=6.0).exp()
    for column, (joint, axis, sign) in enumerate(BENDING):
        row = BODY.start + 3 * (joint - 1) + axis
        hessian[:, row, row] += strength[:, column]
        gradient[:, row] -= sign * strength[:, column]

    _hold(hessian, gradient, BETAS, config.shape_weight, -state.betas)


def _add_expected(
    hessian: torch.Tensor, gradient: torch.Tensor, state: State, expected: Expected, config: FitConfig
) -> None:
    shared = config.shared_shape_weight * expected.company
    _hold(hessian, gradient, BETAS, shared, expected.betas - state.betas)
    _hold(hessian, gradient, BODY, config.smooth_weight * expected.agreement, expected.body - state.body)


def _hold(
    hessian: torch.Tensor,
    gradient: torch.Tensor,
    part: slice,
    weight: torch.Tensor | float,
    difference: torch.Tensor,
) -> None:
    """A quadratic term on some of the unknowns."""
    hessian.diagonal(dim1=1, dim2=2)[:, part] += weight
    gradient[:, part] += weight * difference


def _solve(hessian: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    damping = hessian.new_empty(UNKNOWNS)
    for part, name in ((ROOT, "root"), (BODY, "body"), (BETAS, "betas"), (TRANSL, "transl")):
        damping[part] = DAMPING[name]
    factor, failed = torch.linalg.cholesky_ex(hessian + damping.diag())
    step = torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    # A body whose step is not finite because of rounding keeps its state.
    return torch.where(failed[:, None] == 0, step, 0.0)


def _shortened(step: torch.Tensor) -> torch.Tensor:
    turns = step[:, :72].unflatten(1, (24, 3)).norm(dim=2).amax(1)
    return step * (MAX_TURN / turns.clamp_min(MAX_TURN))[:, None]
