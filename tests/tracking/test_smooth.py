import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from sshmr.errors import InputError
from sshmr.fit.linearise import BETAS, UNKNOWNS
from sshmr.tracking.smooth import MOVING, SHAPE, SIZE, Shape, System, smoothed, sole_vertices
from sshmr.tracking.stage import Part, memory_of


def test_the_banded_system_is_solved_like_the_whole_one():
    rng, count = np.random.default_rng(0), 5
    factors = rng.normal(size=(count, UNKNOWNS, UNKNOWNS)) / 9
    hessian = factors @ factors.transpose(0, 2, 1) + 30 * np.eye(UNKNOWNS)
    system = System(hessian, rng.normal(size=(count, UNKNOWNS)))
    system.add_shape(Shape(rng.normal(size=SHAPE), 5 * np.eye(SHAPE)), np.zeros(SHAPE))
    system.next += rng.normal(size=system.next.shape) / 10
    system.second += rng.normal(size=system.second.shape) / 10
    own = count * SIZE
    whole = np.zeros((own + SHAPE, own + SHAPE))
    blocks = whole[:own, :own].reshape(count, SIZE, count, SIZE)
    for t in range(count):
        blocks[t, :, t] = system.own[t]
        for distance, coupled in ((1, system.next), (2, system.second)):
            if t + distance < count:
                blocks[t + distance, :, t] = coupled[t]
                blocks[t, :, t + distance] = coupled[t].T
    whole[own:, :own] = system.coupling.reshape(own, SHAPE).T
    whole[:own, own:], whole[own:, own:] = whole[own:, :own].T, system.shape
    wanted = np.linalg.solve(whole, np.append(system.gradient, system.shape_gradient))
    step, information = system.solve()
    np.testing.assert_allclose(step[:, MOVING].ravel(), wanted[:own], atol=1e-9)
    np.testing.assert_allclose(step[:, BETAS], np.tile(wanted[own:], (count, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.inv(information), np.linalg.inv(whole)[own:, own:], atol=1e-9)


@pytest.fixture(scope="module")
def surface(follower):
    return follower.engine.surface.first(512)


def test_smoothing_takes_noise_from_the_motion_and_finds_the_shape(
    walk, follower, surface, joint_error, neutral_body
):
    noise = 0.05 * torch.randn(walk.truth.body.shape, generator=torch.Generator().manual_seed(0))
    noisy = walk.truth._replace(body=walk.truth.body + noise, betas=torch.zeros_like(walk.truth.betas))
    found, shape = smoothed(walk.frames, noisy, surface, follower.engine.prior, follower.config)

    def jerky(state):
        offsets = torch.tensor(np.stack([frame.offset for frame in walk.frames]))[:, None]
        joints = neutral_body(state.pose, state.betas, state.transl).joints + offsets
        return float((joints[2:] - 2 * joints[1:-1] + joints[:-2]).norm(dim=2).mean())

    assert jerky(found) < 0.5 * jerky(noisy)
    assert joint_error(found, walk.truth) < 0.04
    torch.testing.assert_close(found.betas, torch.tensor(shape.betas).float().expand(len(walk.frames), -1))
    rest, wanted, start = (neutral_body.rest_joints(s.betas[:1]) for s in (found, walk.truth, noisy))
    apart = [(joints - joints[:, :1] - wanted + wanted[:, :1]).norm(dim=2).mean() for joints in (rest, start)]
    assert apart[0] < 0.7 * apart[1]


def test_a_known_shape_is_kept(walk, follower, surface):
    known = Shape(walk.truth.betas[0].double().numpy(), 1e6 * np.eye(SHAPE))
    found, shape = smoothed(
        walk.frames[:3], walk.truth.rows(slice(3)), surface, follower.engine.prior, follower.config, known
    )
    torch.testing.assert_close(found.betas, walk.truth.betas[:3], atol=1e-2, rtol=0)
    assert (np.linalg.eigvalsh(shape.information - known.information) > 0).all()


def test_soles_are_heels_and_balls_of_both_feet(follower):
    surface = follower.engine.surface
    heel_l, ball_l, heel_r, ball_r = surface.body.v_template[sole_vertices(surface)]
    for heel, ball in ((heel_l, ball_l), (heel_r, ball_r)):
        assert 0.12 < float(ball[2] - heel[2]) < 0.3
    assert heel_l[0] > 0 > heel_r[0]


def test_a_folder_of_an_earlier_version_is_refused(tmp_path):
    path = tmp_path / "walk.parquet"
    pq.write_table(pa.table({"frame_id": ["walk/1"]}), path)
    with pytest.raises(InputError, match="Use another output folder"):
        memory_of(Part(path, path, path, 10.0))
