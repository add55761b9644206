"""Human motion drawn from the pose prior."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation, Slerp

from sshmr.body.joint_limits import clip_to_limits
from sshmr.body.model import BodyModel, forward_kinematics
from sshmr.body.prior import PosePrior
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError
from sshmr.geometry.rotations import rotvec_to_rotmat

SECONDS_BETWEEN_POSES = (0.7, 1.3)
LARGEST_LEAN = np.radians(30.0)
FEET = [7, 8, 10, 11]
SPINE = [0, 3, 6, 9, 12]
ARM_ENDS = [18, 19, 20, 21, 22, 23]
HEAD = 15


class Motion(NamedTuple):
    """A person moving, y up.

    pose: (T, 72) radians, root first.
    travel: (T, 3) metres, the path of the pelvis. Its start and its height are arbitrary.
    """

    pose: np.ndarray
    travel: np.ndarray


def _mass_shares() -> np.ndarray:
    """Share of the body's mass at each joint, half of a limb's at either end.

    Source: Winter, "Biomechanics and Motor Control of Human Movement", table 4.1.
    """
    shares = np.zeros(24)
    shares[HEAD] = 0.081
    shares[SPINE[:4]] = 0.497 / 4
    segments = {
        (16, 18): 0.028,
        (18, 20): 0.016,
        (20, 22): 0.006,
        (1, 4): 0.1,
        (4, 7): 0.0465,
        (7, 10): 0.0145,
    }
    for (upper, lower), mass in segments.items():
        for side in (0, 1):
            shares[[upper + side, lower + side]] += mass / 2
    return shares / shares.sum()


MASS = _mass_shares()


def drawn_motion(
    prior: PosePrior, body: BodyModel, betas: np.ndarray, settings: CaptureConfig, rng: np.random.Generator
) -> Motion:
    """Smooth motion through poses drawn from the prior, on a gentle path.

    Args:
        prior: a ``PosePrior``.
        body: the ``BodyModel`` that will move; betas: (10,) float.
        settings: a ``CaptureConfig``.
        rng: numpy Generator.
    """
    times = np.arange(settings.frames) / settings.framerate
    key_times = [0.0]
    while key_times[-1] <= times[-1]:
        key_times.append(key_times[-1] + rng.uniform(*SECONDS_BETWEEN_POSES))
    keys = _draw_poses(prior, body, betas, len(key_times), settings.pose_spread, rng)
    body_pose = interpolate(keys, np.array(key_times), times)
    heading, travel = _path(times, settings.speed, rng)
    lean = Rotation.from_rotvec(balance(_joints(body, betas, body_pose)))
    root = Rotation.from_rotvec(np.outer(heading, [0.0, 1.0, 0.0])) * lean
    return Motion(np.concatenate([root.as_rotvec(), body_pose], axis=1), travel)


def interpolate(key_poses: np.ndarray, key_times: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Poses (K, 3·J) at the key times → (T, 3·J): rotations at an even rate, with a smooth start and stop.

    The timing is the minimum-jerk polynomial of Flash & Hogan, J. Neuroscience 1985.
    """
    segment = np.clip(np.searchsorted(key_times, times, side="right") - 1, 0, len(key_times) - 2)
    share = (times - key_times[segment]) / np.diff(key_times)[segment]
    soft = share**3 * (10 - 15 * share + 6 * share**2)
    eased = key_times[segment] + soft * np.diff(key_times)[segment]
    joints = key_poses.reshape(len(key_times), -1, 3).swapaxes(0, 1)
    turned = [Slerp(key_times, Rotation.from_rotvec(keys))(eased).as_rotvec() for keys in joints]
    return np.concatenate(turned, axis=1)


def balance(joints: np.ndarray) -> np.ndarray:
    """The rotation of the whole body that puts its centre of mass above its lower foot.

    Args:
        joints: (B, 24, 3) metres, y up, posed with the root at rest.

    Returns:
        (B, 3) rotation vectors for the root, without a turn about the vertical.
    """
    lean = Rotation.identity(len(joints))
    for _ in range(3):
        turned = np.einsum("bij,bkj->bki", lean.as_matrix(), joints)
        height = turned[:, FEET, 1]
        # A foot 5 cm higher than the other carries a third of its weight.
        weight = np.exp(-(height - height.min(axis=1, keepdims=True)) / 0.05)
        support = np.einsum("bf,bfi->bi", weight / weight.sum(axis=1, keepdims=True), turned[:, FEET])
        upward = np.einsum("j,bji->bi", MASS, turned) - support
        upward /= np.linalg.norm(upward, axis=1, keepdims=True)
        axis = np.cross(upward, [0.0, 1.0, 0.0])
        sine = np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.arctan2(sine, upward[:, 1:2])
        lean = Rotation.from_rotvec(axis / np.maximum(sine, 1e-9) * angle) * lean
    return lean.as_rotvec()


def plausible(joints: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """Physically possible poses: (B,) bool.

    Standing without leaning far, arms outside trunk and head, legs not through each other.

    Args:
        joints: (B, 24, 3) metres, posed with the root at rest; lean: (B, 3) from ``balance``.
    """
    upright = np.linalg.norm(lean, axis=1) < LARGEST_LEAN
    arms = joints[:, ARM_ENDS, None]
    clear = np.linalg.norm(arms - joints[:, None, SPINE], axis=-1).min(axis=(1, 2)) > 0.15
    clear &= np.linalg.norm(joints[:, ARM_ENDS] - joints[:, None, HEAD], axis=-1).min(axis=1) > 0.14
    thigh = (joints[:, [1, 2]] + joints[:, [4, 5]]) / 2
    hands = np.linalg.norm(joints[:, [20, 21, 22, 23], None] - thigh[:, None], axis=-1).min(axis=(1, 2))
    apart = np.linalg.norm(joints[:, 4] - joints[:, 5], axis=1) > 0.12
    apart &= np.linalg.norm(joints[:, 7] - joints[:, 8], axis=1) > 0.12
    return upright & clear & apart & (hands > 0.1)


def _draw_poses(
    prior: PosePrior, body: BodyModel, betas: np.ndarray, count: int, spread: float, rng: np.random.Generator
) -> np.ndarray:
    """The first ``count`` plausible draws from the prior: (count, 69) radians, within the joints' limits."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    kept = []
    for _ in range(50):
        component_means, drawn = _sample(prior, 8 * count, generator)
        poses = clip_to_limits(component_means + spread * (drawn - component_means))
        joints = _joints(body, betas, poses)
        kept.extend(poses[plausible(joints, balance(joints))])
        if len(kept) >= count:
            return np.array(kept[:count])
    raise InputError(
        "pose prior",
        found=f"{len(kept)} of {400 * count} drawn poses are balanced and within the joint limits",
        expected=f"{count} or more",
        fix="Lower capture.pose_spread or use another prior",
    )


def _sample(prior: PosePrior, count: int, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws (count, 69) and the mean of the component nearest to each."""
    drawn = prior.sample(count, generator)
    nearest = prior.component_energies(drawn).argmin(dim=1)
    return prior.means[nearest].double().numpy(), drawn.double().numpy()


def _joints(body: BodyModel, betas: np.ndarray, body_pose: np.ndarray) -> np.ndarray:
    """Joints (B, 24, 3) of body poses (B, 69) with the root at rest."""
    rotmats = rotvec_to_rotmat(torch.as_tensor(np.pad(body_pose, ((0, 0), (3, 0)))).unflatten(-1, (24, 3)))
    shape = torch.as_tensor(betas, dtype=body.v_template.dtype).expand(len(body_pose), -1)
    return forward_kinematics(rotmats, body.rest_joints(shape).double(), body.parents)[1].numpy()


def _path(
    times: np.ndarray, speed: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A gentle walk: heading (T,) radians about y, path (T, 3) metres. The person walks in the direction it
    faces."""
    turning = np.radians(rng.uniform(-30, 30))
    swing, phase = np.radians(rng.uniform(0, 40)), rng.uniform(0, 2 * np.pi)
    period = rng.uniform(3, 6)
    heading = turning * times + swing * np.sin(2 * np.pi * times / period + phase)
    step = rng.uniform(*speed) * np.diff(times, prepend=times[0])
    way = np.cumsum(step[:, None] * np.stack([np.sin(heading), 0 * heading, np.cos(heading)], axis=1), axis=0)
    return heading, way
