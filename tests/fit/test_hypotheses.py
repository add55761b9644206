import torch

from sshmr.body.model import MIRROR_JOINTS
from sshmr.config.fit import FitConfig
from sshmr.fit.engine import Engine
from sshmr.fit.hypotheses import mirrored, typical_poses
from sshmr.fit.screening import screen


def test_a_mirrored_pose_puts_the_joints_on_the_other_side(small_body, seen_bodies):
    pose = seen_bodies["pose"].double()
    pose[:, :3] = 0
    other = torch.cat([pose[:, :3], mirrored(pose[:, 3:])], 1)
    zeros = pose.new_zeros(len(pose), 10)
    joints, reflected = (small_body(some, zeros, zeros[:, :3]).joints for some in (pose, other))
    expected = joints[:, list(MIRROR_JOINTS)] * joints.new_tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(reflected, expected, atol=0.01, rtol=0)
    torch.testing.assert_close(mirrored(mirrored(pose[:, 3:])), pose[:, 3:])


@torch.no_grad()
def test_screening_finds_the_start_that_made_the_cloud(surface, prior):
    """Of all starts, the cloud's own is among the first, laid where it belongs."""
    engine = Engine(surface, prior, FitConfig(poses=48))
    own = torch.tensor([5, 100, 333])
    shift = torch.tensor([[0.05, 0.0, 0.1], [0.0, 0.1, 0.0], [-0.1, 0.0, 0.05]])
    clouds = engine.starts.vertices[own] + shift[:, None]
    mask = torch.ones(clouds.shape[:2], dtype=torch.bool)
    index, found = screen(engine.starts.vertices, engine.starts.tipped, clouds, mask, 8, 0.3)
    for row, start in enumerate(own):
        place = index[row].tolist().index(int(start))
        assert place < 3
        torch.testing.assert_close(found[row, place], shift[row], atol=0.01, rtol=0)
        assert len(set(index[row].tolist())) == 8


def test_there_are_as_many_typical_poses_as_the_default_wants():
    poses = typical_poses(FitConfig().poses)
    assert poses.shape == (FitConfig().poses, 72)
    assert len(torch.unique(poses, dim=0)) == len(poses)
