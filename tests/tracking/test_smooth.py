import numpy as np
import torch

from sshmr.tracking.smooth import SIZE, _System, smoothed, sole_vertices


def test_the_banded_system_is_solved_like_the_whole_one():
    rng, count = np.random.default_rng(0), 5
    system = _System(np.tile(30 * np.eye(SIZE), (count, 1, 1)), rng.normal(size=(count, SIZE)))
    system.next += rng.normal(size=system.next.shape) / 10
    system.second += rng.normal(size=system.second.shape) / 10
    whole = np.zeros((count, SIZE, count, SIZE))
    for t in range(count):
        whole[t, :, t] = system.own[t]
        for distance, blocks in ((1, system.next), (2, system.second)):
            if t + distance < count:
                whole[t + distance, :, t] = blocks[t]
                whole[t, :, t + distance] = blocks[t].T
    wanted = np.linalg.solve(whole.reshape(count * SIZE, -1), system.gradient.reshape(-1))
    found = system.solve()
    np.testing.assert_allclose(np.delete(found, np.s_[72:82], axis=1).ravel(), wanted, atol=1e-9)
    assert not found[:, 72:82].any()


def test_smoothing_takes_noise_from_the_motion_and_keeps_the_place(walk, follower, joint_error, neutral_body):
    noise = 0.05 * torch.randn(walk.truth.body.shape, generator=torch.Generator().manual_seed(0))
    noisy = walk.truth._replace(body=walk.truth.body + noise)
    surface = follower.engine.surface.first(512)
    found = smoothed(walk.frames, noisy, surface, follower.engine.prior, follower.config)

    def jerky(state):
        offsets = torch.tensor(np.stack([frame.offset for frame in walk.frames]))[:, None]
        joints = neutral_body(state.pose, state.betas, state.transl).joints + offsets
        return float((joints[2:] - 2 * joints[1:-1] + joints[:-2]).norm(dim=2).mean())

    assert jerky(found) < 0.5 * jerky(noisy)
    assert joint_error(found, walk.truth) < 0.03
    torch.testing.assert_close(found.betas, noisy.betas)


def test_soles_are_heels_and_balls_of_both_feet(follower):
    surface = follower.engine.surface
    heel_l, ball_l, heel_r, ball_r = surface.body.v_template[sole_vertices(surface)]
    for heel, ball in ((heel_l, ball_l), (heel_r, ball_r)):
        assert 0.12 < float(ball[2] - heel[2]) < 0.3
    assert heel_l[0] > 0 > heel_r[0]
