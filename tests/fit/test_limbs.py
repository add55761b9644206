import pytest
import torch
from pydantic import ValidationError

from sshmr.body.model import MIRROR_JOINTS
from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.energy import Problem, energies, soft_correspondence, view_direction
from sshmr.fit.engine import Engine
from sshmr.fit.hypotheses import typical_poses
from sshmr.fit.limbs import KEPT, LIMBS, other_limbs, typical_limbs
from sshmr.fit.linearise import State, skin
from sshmr.fit.search import Found, _with_missed_limbs, judged


@pytest.fixture(scope="module")
def limbs(neutral_body):
    return typical_limbs(neutral_body, typical_poses(48), 12)


def of_limb(body_pose, joints):
    """The rotations of some joints: (..., 69) → (..., len(joints), 3)."""
    return body_pose.unflatten(-1, (23, 3))[..., [joint - 1 for joint in joints], :]


def test_ways_to_hold_a_limb_come_from_typical_poses_or_their_mirror_images(limbs):
    poses = typical_poses(48)[:, 3:]
    mirrored = typical_poses(48).view(-1, 24, 3)[:, list(MIRROR_JOINTS)] * torch.tensor([1.0, -1.0, -1.0])
    known = torch.cat([poses, mirrored.flatten(1)[:, 3:]])
    for limb, joints in zip(limbs, LIMBS, strict=True):
        assert limb.ways.shape == (12, 3 * len(joints))
        distance = (limb.ways[:, None] - of_limb(known, joints).flatten(1)).norm(dim=2)
        assert distance.min(1).values.max() < 1e-6


@torch.no_grad()
def test_a_wrong_arm_is_found_and_the_rest_left_alone(surface, prior, neutral_body, seen_bodies, limbs):
    """The body is right but for its left arm, held as in another typical pose."""
    points, mask = seen_bodies["points"], seen_bodies["mask"]
    truth = State.from_pose(seen_bodies["pose"], seen_bodies["betas"], seen_bodies["transl"])
    wrong = truth.body.clone()
    wrong[:, limbs[0].columns] = limbs[0].ways[0]
    state = truth._replace(body=wrong)
    few, config = surface.first(192), FitConfig()
    posed = skin(few.body, truth)
    match = soft_correspondence(posed.vertices, points, mask, torch.full((4,), 0.03**2), 0.05)
    view = view_direction(match.mass, few.turned_normals(posed.rotations))
    found = other_limbs(Problem(few, prior, points, mask, config), state, limbs, view)
    bodies = found.body.view(4, KEPT + 1, 69)
    other = [of_limb(bodies[:, :KEPT], joints) != of_limb(wrong, joints)[:, None] for joints in LIMBS]
    changed = torch.stack([limb.flatten(2).any(2) for limb in other])
    assert (changed.sum(0) == 1).all(), "each body but the last has one limb held otherwise"
    assert changed[0].any(1).all(), "the wrong arm is among them"
    rest = [joint for joint in range(1, 24) if not any(joint in limb for limb in LIMBS)]
    assert (of_limb(bodies, rest) == of_limb(wrong, rest)[:, None]).all()
    rows = torch.arange(4).repeat_interleave(KEPT + 1)
    wide = config.replace(compare_spread=0.06)
    problem = Problem(few, prior, points, mask, wide)
    energy = energies(problem.rows(rows), found, view[rows])[0]["energy"].view(4, -1)
    before = energies(problem, state, view)[0]["energy"]
    assert (energy[:, -1] <= before + 1e-3).all(), "all changes that help at once are no better than none"
    joints = list(LIMBS[0])[2:]
    true = neutral_body(truth.pose, truth.betas, truth.transl).joints[:, joints]

    def error(body):
        moved = truth._replace(body=body)
        return (
            (neutral_body(moved.pose, moved.betas, moved.transl).joints[:, joints] - true).norm(dim=2).mean()
        )

    mended = bodies[torch.arange(4), changed[0].float().argmax(1)]
    assert error(mended) < 0.7 * error(wrong)


@torch.no_grad()
def test_the_engine_finds_an_arm_that_its_stages_alone_miss(surface, prior, neutral_body, seen_bodies):
    truth = State.from_pose(seen_bodies["pose"], seen_bodies["betas"], seen_bodies["transl"])
    arm = typical_limbs(neutral_body, typical_poses(48))[1]
    wrong = truth.body.clone()
    wrong[:, arm.columns] = arm.ways[1]

    def worst(limbs):
        stages = (
            Stage(hypotheses=2, vertices=256, points=256, iterations=1, start=0.03, end=0.03),
            Stage(hypotheses=2, vertices=256, points=256, iterations=6, start=0.04, end=0.02, limbs=limbs),
        )
        engine = Engine(surface, prior, FitConfig(refine=stages))
        state = engine.from_predictions(
            seen_bodies["points"], seen_bodies["mask"], [truth._replace(body=wrong)]
        ).state
        joints = neutral_body(state.pose, state.betas, state.transl).joints
        return 1e3 * (joints - seen_bodies["joints"]).norm(dim=2).mean(1).max()

    assert worst(False) > 80
    assert worst(True) < 50


def test_a_search_that_begins_with_limbs_is_refused():
    with pytest.raises(ValidationError, match="false in the first stage"):
        FitConfig(
            search=(
                Stage(hypotheses=2, vertices=256, points=256, iterations=1, start=0.03, end=0.03, limbs=True),
            )
        )


@torch.no_grad()
def test_an_arm_that_a_fit_missed_is_found_afterwards(surface, prior, neutral_body, seen_bodies, limbs):
    points, mask = seen_bodies["points"], seen_bodies["mask"]
    truth = State.from_pose(seen_bodies["pose"], seen_bodies["betas"], seen_bodies["transl"])
    wrong = truth.body.clone()
    wrong[:, limbs[0].columns] = limbs[0].ways[0]
    engine = Engine(surface, prior, FitConfig())
    right = engine.from_fit(points, mask, truth)
    terms = energies(engine.problem(points, mask), truth._replace(body=wrong), VIEW)[0]
    fitted = right._replace(state=truth._replace(body=wrong), energy=terms, hypothesis=torch.arange(4))
    before = judged(engine, neutral_body, points, mask, fitted)
    after = _with_missed_limbs(engine, neutral_body, (points, mask, None), before)
    assert after.fitted.hypothesis.tolist() == [0, 1, 2, 3], "a fit keeps the name of its start"
    joints = list(LIMBS[0])[2:]

    def error(found: Found) -> torch.Tensor:
        state = found.fitted.state
        posed = neutral_body(state.pose, state.betas, state.transl).joints
        return (posed - seen_bodies["joints"])[:, joints].norm(dim=2).mean(1)

    assert error(after).median() < 0.5 * error(before).median()
    assert (after.missed_share <= before.missed_share).all()


VIEW = torch.tensor([[0.0, 0.0, 0.0]]).expand(4, 3)
"""Seen from no one side: all vertices take part."""
