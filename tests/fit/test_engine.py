import numpy as np
import pytest
import torch

from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.adam import fit_published
from sshmr.fit.engine import Engine, thinned
from sshmr.fit.hypotheses import centred, mirrored_start, turned_about_vertical, typical_poses
from sshmr.fit.linearise import State
from sshmr.fit.surface import SurfaceElements


def joint_error(body, fitted, seen):
    """(B,) mean joint error, millimetres."""
    joints = body(fitted.state.pose, fitted.state.betas, fitted.state.transl).joints
    return 1e3 * (joints - seen["joints"]).norm(dim=2).mean(1)


def true_state(seen):
    return State.from_pose(seen["pose"], seen["betas"], seen["transl"])


@pytest.fixture(scope="module")
def engine(surface, prior):
    return Engine(surface, prior, FitConfig())


@torch.no_grad()
def test_from_nothing_finds_the_body_in_one_sided_clouds(engine, neutral_body, seen_bodies):
    fitted = engine.from_nothing(seen_bodies["points"], seen_bodies["mask"])
    error = joint_error(neutral_body, fitted, seen_bodies)
    assert error.median() < 60, error
    assert error.max() < 150, error
    assert all(engine.name_of(i).startswith("pose") for i in fitted.hypothesis.tolist())


@torch.no_grad()
def test_started_from_the_truth_it_stays_there(engine, neutral_body, seen_bodies):
    fitted = engine.from_predictions(seen_bodies["points"], seen_bodies["mask"], [true_state(seen_bodies)])
    assert joint_error(neutral_body, fitted, seen_bodies).max() < 45
    assert (fitted.hypothesis == 0).all()


@torch.no_grad()
def test_a_prediction_turned_round_is_turned_back(engine, neutral_body, seen_bodies):
    """The mirrored start of a half-turned standing truth is the truth's heading, and must win."""
    flipped = mirrored_start(true_state(seen_bodies))
    fitted = engine.from_predictions(seen_bodies["points"], seen_bodies["mask"], [flipped])
    assert joint_error(neutral_body, fitted, seen_bodies).median() < 80


@torch.no_grad()
def test_a_cloud_is_fitted_the_same_alone_and_in_company(engine, seen_bodies):
    """Padding to the longest cloud of a batch must not matter; the two differ by float32 rounding only."""
    start = true_state(seen_bodies)
    together = engine.from_predictions(seen_bodies["points"], seen_bodies["mask"], [start])
    alone = engine.from_predictions(
        seen_bodies["points"][3:, :150], seen_bodies["mask"][3:, :150], [start.rows(slice(3, 4))]
    )
    torch.testing.assert_close(together.state.pose[3:], alone.state.pose, atol=2e-3, rtol=0)
    torch.testing.assert_close(together.state.transl[3:], alone.state.transl, atol=2e-3, rtol=0)


@torch.no_grad()
def test_the_same_input_gives_the_same_output(engine, seen_bodies):
    first = engine.from_nothing(seen_bodies["points"][:1], seen_bodies["mask"][:1])
    second = engine.from_nothing(seen_bodies["points"][:1], seen_bodies["mask"][:1])
    assert torch.equal(first.state.pose, second.state.pose)


@torch.no_grad()
def test_every_unknown_can_be_fitted_in_float64(surface, prior, seen_bodies):
    double = SurfaceElements(surface.body.to(dtype=torch.float64), surface.normals.double())
    config = FitConfig(
        refine=(Stage(hypotheses=2, vertices=256, points=200, iterations=6, start=0.05, end=0.02),)
    )
    data = (seen_bodies["points"].double(), seen_bodies["mask"])
    start = State(*(part.double() for part in true_state(seen_bodies)))
    exact = Engine(double, prior.to(dtype=torch.float64), config).from_predictions(*data, [start])
    rough = Engine(surface, prior, config).from_predictions(
        seen_bodies["points"], seen_bodies["mask"], [true_state(seen_bodies)]
    )
    torch.testing.assert_close(rough.state.pose.double(), exact.state.pose, atol=5e-3, rtol=0)


@torch.no_grad()
def test_the_published_routine_lowers_its_energy_and_ignores_padding(surface, prior, seen_bodies):
    few = surface.first(128)
    points, mask = seen_bodies["points"][2:, :300], seen_bodies["mask"][2:, :300]
    start = centred(few.body, turned_about_vertical(typical_poses(1), 2))
    state, terms, _ = fit_published(few.body, prior, points, mask, start, 0.05, "bootstrap")
    moved = torch.where(mask[..., None], points, torch.full_like(points, 0.4))
    again, _, _ = fit_published(few.body, prior, moved, mask, start, 0.05, "bootstrap")
    torch.testing.assert_close(state.pose, again.pose)
    parts = [value for name, value in terms.items() if name != "energy"]
    torch.testing.assert_close(terms["energy"], sum(parts))
    assert (state.transl - start.transl).norm(dim=1).max() > 0.01


@torch.no_grad()
def test_the_engine_runs_the_published_routine_when_asked(surface, prior, seen_bodies):
    config = FitConfig().replace(optimiser="adam", poses=1, headings=4)
    one = {name: value[:1] for name, value in seen_bodies.items()}
    engine = Engine(surface.first(256), prior, config)
    fitted = engine.from_nothing(one["points"], one["mask"])
    assert fitted.iterations == 101
    assert fitted.hypothesis[0] in range(4)
    started = (
        Engine(surface.first(256), prior, config).starts.state.transl.mean(0) - seen_bodies["transl"][0]
    ).norm()
    assert (fitted.state.transl[0] - seen_bodies["transl"][0]).norm() < started


def test_thinned_keeps_short_clouds_whole_and_spreads_over_long_ones():
    points = torch.arange(30.0).view(1, 10, 3).repeat(2, 1, 1)
    mask = torch.ones(2, 10, dtype=torch.bool)
    mask[1, 3:] = False
    few, few_mask = thinned(points, mask, 5)
    assert few[0, :, 0].tolist() == [0.0, 6.0, 12.0, 18.0, 24.0]
    assert few_mask[1].tolist() == [True, True, True, False, False]
    torch.testing.assert_close(few[1, :3], points[1, :3])


def test_headings_turn_the_body_about_the_vertical():
    poses = turned_about_vertical(typical_poses(2), 4)
    assert poses.shape == (8, 72)
    np.testing.assert_allclose(poses[:4, 1].abs(), [0, np.pi / 2, np.pi, np.pi / 2], atol=1e-6)
    assert torch.equal(poses[4, 3:], poses[7, 3:])
