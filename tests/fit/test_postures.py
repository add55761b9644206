"""People who do not stand: start bodies, prior and search hold them."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.layout import JOINT_NAMES
from sshmr.config.fit import FitConfig
from sshmr.fit.energy import upright_energy
from sshmr.fit.engine import Engine, frame_of
from sshmr.fit.linearise import State
from sshmr.fit.postures import made_poses, with_any_pose
from sshmr.fit.search import CERTAIN, MISSED, PART_COST, found_from_nothing
from sshmr.fit.starts import Starts, spread_rotations
from sshmr.geometry.rotations import rotvec_to_rotmat

from .conftest import visible_points


@pytest.fixture(scope="module")
def engine(surface, prior):
    return Engine(surface, prior, FitConfig())


def some(seen, *rows):
    """Some of ``seen_bodies``."""
    return {name: value[list(rows)] for name, value in seen.items()}


def turned(seen, rotation):
    """The clouds of ``seen_bodies`` and their joints, turned about the origin."""
    turn = torch.tensor(rotation.as_matrix(), dtype=torch.float32)
    return seen["points"] @ turn.T, seen["mask"], seen["joints"] @ turn.T


@torch.no_grad()
@pytest.mark.parametrize(("angles", "rows"), [((-90, 0, 30), (0, 2)), ((170, 20, 0), (1, 3))])
def test_people_who_lie_or_are_upside_down_are_found(engine, neutral_body, seen_bodies, angles, rows):
    points, mask, joints = turned(some(seen_bodies, *rows), Rotation.from_euler("xyz", angles, degrees=True))
    found = found_from_nothing(engine, neutral_body, points, mask)
    state = found.fitted.state
    posed = neutral_body(state.pose, state.betas, state.transl).joints
    error = 1e3 * (posed - joints).norm(dim=2).mean(1)
    assert error.median() < 60, error


@torch.no_grad()
def test_people_who_stand_are_searched_for_once(engine, neutral_body, seen_bodies):
    """Whoever is found for sure comes out as from upright starts alone."""
    seen = some(seen_bodies, 0, 1)
    data = seen["points"], seen["mask"]
    found = found_from_nothing(engine, neutral_body, *data)
    sure = (found.confidence > CERTAIN) & (found.missed_share < MISSED)
    assert sure.any()
    alone = engine.from_nothing(*data)
    assert torch.equal(found.fitted.state.pose[sure], alone.state.pose[sure])


def test_rotations_are_spread_evenly():
    turns = spread_rotations(256)
    torch.testing.assert_close(turns @ turns.transpose(1, 2), torch.eye(3).double().expand(256, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(256).double())
    random = torch.tensor(Rotation.random(500, rng=np.random.default_rng(0)).as_matrix())
    cosine = (torch.einsum("aij,bij->ab", random, turns) - 1) / 2
    assert cosine.amax(1).clamp(max=1).arccos().rad2deg().max() < 50


def test_tipped_starts_are_not_upright(neutral_body):
    few = neutral_body.subset(range(0, 6890, 100))
    starts = Starts.tipped_over(few, made_poses())
    assert starts.tipped.all()
    assert len(starts.names) == len(starts.vertices) == len(starts.state.root)
    assert (starts.state.root[:, 1, 1] < np.cos(np.radians(44))).all()
    assert (starts.state.root[:, 1, 1] < -0.9).any()


def test_a_made_pose_is_bounded_by_the_prior_and_a_common_one_costs_what_it_did(prior):
    wide = with_any_pose(prior, 0.05)
    seated = made_poses()[:, 3:]
    seated = seated + 0.1 * torch.randn(seated.shape, generator=torch.Generator().manual_seed(0))
    before, after = prior.negative_log_likelihood(seated), wide.negative_log_likelihood(seated)
    assert (before > 100).all()
    assert (after < 100).all()
    common = prior.means
    rise = wide.negative_log_likelihood(common) - prior.negative_log_likelihood(common)
    torch.testing.assert_close(rise, torch.full_like(rise, -np.log(0.95)), atol=1e-3, rtol=0)


def test_lying_is_less_likely_than_standing_but_not_impossible():
    roots = rotvec_to_rotmat(
        torch.tensor([[0.0, 2.0, 0.0], [0.2, 0.0, 0.0], [1.57, 0.0, 0.0], [3.1, 0.0, 0.0]])
    )
    cost = upright_energy(roots, 0.05)
    assert cost[0] < cost[1] < cost[2] <= cost[3] + 1e-3
    assert cost[3] - cost[0] < 10
    # A density: over all directions its mean is 1.
    cosine = torch.linspace(-1, 1, 20001)
    along = torch.zeros(20001, 3, 3)
    along[:, 1, 1] = cosine
    assert abs((-upright_energy(along, 0.05)).exp().mean() - 1) < 1e-3


@torch.no_grad()
def test_a_part_of_a_person_is_found_from_a_prediction(engine, neutral_body, prior):
    """From a prediction, the upper third fits as such; skin beyond the cut would cost a whole body more."""
    pose = torch.cat([torch.tensor([0.0, 0.4, 0.0]), prior.means[prior.weights.argmax()]])[None]
    posed = neutral_body(pose, torch.zeros(1, 10), torch.zeros(1, 3))
    vertices = posed.vertices[0].numpy()
    cloud = visible_points(vertices, neutral_body.faces.numpy(), 0.4, 800, np.random.default_rng(1))
    low = vertices[:, 1].max() - 0.35 * np.ptp(vertices[:, 1])
    cloud = cloud[cloud[:, 1] > low]
    centre = torch.tensor(cloud.mean(0), dtype=torch.float32)
    points = torch.tensor(cloud, dtype=torch.float32)[None] - centre
    mask = torch.ones(points.shape[:2], dtype=torch.bool)
    predicted = State.from_pose(pose + 0.03, torch.zeros(1, 10), 0.05 - centre[None])
    whole = engine.from_predictions(points, mask, [predicted])
    part = engine.from_predictions(points, mask, [predicted], frame=frame_of(points, mask, True))
    assert part.energy["energy"] + PART_COST < whole.energy["energy"]
    state = part.state
    fitted = neutral_body(state.pose, state.betas, state.transl)
    assert np.ptp(fitted.vertices[0, :, 1].numpy()) == pytest.approx(np.ptp(vertices[:, 1]), abs=0.15)
    head_and_shoulders = [12, 15, 16, 17]
    error = (fitted.joints[0] + centre - posed.joints[0]).norm(dim=1)
    assert error[head_and_shoulders].mean() < 0.06


@torch.no_grad()
@pytest.mark.parametrize("upper", [True, False])
def test_a_part_of_a_person_keeps_a_persons_size(engine, neutral_body, prior, upper):
    """Half of a standing person: what is seen is found, and no whole body is squeezed into it."""
    pose = torch.cat([torch.tensor([0.0, 0.4, 0.0]), prior.means[prior.weights.argmax()]])[None]
    posed = neutral_body(pose, torch.zeros(1, 10), torch.zeros(1, 3))
    vertices, joints = posed.vertices[0].numpy(), posed.joints[0].numpy()
    rng = np.random.default_rng(1)
    cloud = visible_points(vertices, neutral_body.faces.numpy(), 0.4, 800, rng)
    middle = (vertices[:, 1].max() + vertices[:, 1].min()) / 2
    cloud = cloud[(cloud[:, 1] > middle) == upper]
    centre = cloud.mean(0)
    points = torch.tensor(cloud - centre, dtype=torch.float32)[None]
    found = found_from_nothing(engine, neutral_body, points, torch.ones(points.shape[:2], dtype=torch.bool))
    state = found.fitted.state
    fitted = neutral_body(state.pose, state.betas, state.transl)
    seen = (joints[:, 1] > middle) == upper
    error = np.linalg.norm(fitted.joints[0].numpy() - (joints - centre), axis=1)
    assert 1e3 * error[seen].mean() < 60, error
    assert np.ptp(fitted.vertices[0, :, 1].numpy()) == pytest.approx(np.ptp(vertices[:, 1]), abs=0.15)
    hidden = {JOINT_NAMES[joint] for joint in (~found.visible[0]).nonzero()[:, 0].tolist()}
    assert ("left_foot" if upper else "head") in hidden
