"""What the shipped body promises: a closed symmetric skin, SMPL's joints inside it, plausible people."""

import numpy as np
import pytest
import smplx
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from smplx.utils import Struct

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.model import MIRROR_JOINTS, PARENTS, BodyModel, open_body_path

GENDERS = ("neutral", "male", "female")
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module", params=GENDERS)
def arrays(request):
    with np.load(open_body_path(request.param)) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module", params=GENDERS)
def body(request):
    return BodyModel.load(open_body_path(request.param))


def posed(body, betas=(), **degrees):
    """One body with some joints turned about x, y, z, degrees: vertices (V, 3) and joints by name."""
    pose = torch.zeros(1, 24, 3)
    for name, angles in degrees.items():
        pose[0, JOINT_NAMES.index(name)] = torch.deg2rad(torch.tensor(angles, dtype=torch.float32))
    shape = torch.zeros(1, 10)
    shape[0, : len(betas)] = torch.tensor(betas)
    result = body(pose.reshape(1, 72), shape, torch.zeros(1, 3))
    return result.vertices[0].numpy(), dict(zip(JOINT_NAMES, result.joints[0].numpy(), strict=True))


def winding_numbers(points, vertices, faces):
    """How often the surface goes round each point (Van Oosterom & Strackee 1983): 1 inside, 0 outside."""
    a, b, c = (vertices[faces[:, corner]] - points[:, None] for corner in range(3))
    la, lb, lc = (np.linalg.norm(side, axis=-1) for side in (a, b, c))
    solid = np.einsum("pfi,pfi->pf", a, np.cross(b, c))
    flat = la * lb * lc
    flat += np.einsum("pfi,pfi->pf", a, b) * lc
    flat += np.einsum("pfi,pfi->pf", b, c) * la
    flat += np.einsum("pfi,pfi->pf", c, a) * lb
    return np.arctan2(solid, flat).sum(axis=1) / (2 * np.pi)


def mirror_image(vertices):
    """Index of each vertex's mirror image, and how far off it is."""
    distance, index = cKDTree(vertices).query(vertices * MIRROR)
    return index, distance.max()


def test_files_have_smpl_layout_and_are_small(arrays):
    assert arrays["v_template"].shape == (6890, 3)
    assert arrays["shapedirs"].shape == (6890, 3, 10)
    assert arrays["posedirs"].shape == (6890, 3, 207)
    assert arrays["J_regressor"].shape == (24, 6890)
    assert arrays["weights"].shape == (6890, 24)
    assert arrays["f"].shape == (13776, 3)
    assert arrays["kintree_table"].tolist() == [[2**32 - 1, *PARENTS[1:]], list(range(24))]
    assert sum(open_body_path(gender).stat().st_size for gender in GENDERS) < 6e6


def test_skin_is_one_closed_surface_without_handles_that_faces_out(arrays):
    vertices, faces = arrays["v_template"].astype(float), arrays["f"].astype(int)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    once = set(map(tuple, edges.tolist()))
    assert len(once) == len(edges)
    assert {(b, a) for a, b in once} == once
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(6890, 6890))
    assert connected_components(graph, directed=False)[0] == 1
    assert 6890 - len(edges) // 2 + len(faces) == 2
    a, b, c = vertices[faces].transpose(1, 0, 2)
    assert 0.04 < np.einsum("fi,fi->", a, np.cross(b, c)) / 6 < 0.12
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 1e-8


def test_genders_share_faces_weights_and_joints(arrays):
    with np.load(open_body_path("neutral")) as archive:
        for name in ("f", "weights", "J_regressor"):
            np.testing.assert_array_equal(arrays[name], archive[name])


def test_left_and_right_are_mirror_images(arrays):
    index, distance = mirror_image(arrays["v_template"])
    assert distance == 0
    np.testing.assert_array_equal(index[index], np.arange(6890))
    np.testing.assert_array_equal(arrays["shapedirs"][index] * MIRROR[:, None], arrays["shapedirs"])
    np.testing.assert_array_equal(arrays["weights"][index][:, MIRROR_JOINTS], arrays["weights"])
    mirrored_faces = {frozenset(face) for face in index[arrays["f"].astype(int)].tolist()}
    assert mirrored_faces == {frozenset(face) for face in arrays["f"].tolist()}
    # The regressor's rows are rounded so that they sum to 1, the largest element taking the rest.
    np.testing.assert_allclose(
        arrays["J_regressor"][list(MIRROR_JOINTS)][:, index], arrays["J_regressor"], atol=1e-4
    )


def test_mirrored_poses_give_mirrored_bodies(body):
    generator = torch.Generator().manual_seed(1)
    pose = 0.5 * torch.randn(4, 24, 3, generator=generator)
    betas, transl = torch.randn(4, 10, generator=generator), torch.zeros(4, 3)
    mirrored = pose[:, MIRROR_JOINTS] * torch.tensor([1.0, -1.0, -1.0])
    index, _ = mirror_image(body.v_template.numpy())
    straight = body(pose.flatten(1), betas, transl).vertices
    flipped = body(mirrored.flatten(1), betas, transl).vertices[:, index] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped, straight, atol=1e-4, rtol=0)


def test_weights_and_joints_are_convex_combinations(arrays):
    for name in ("weights", "J_regressor"):
        assert arrays[name].min() >= 0
        np.testing.assert_allclose(arrays[name].sum(axis=1), 1, atol=1e-6)


def test_rest_pose_is_an_upright_t_facing_forward_with_left_at_plus_x(body):
    vertices, joints = posed(body)
    np.testing.assert_allclose(joints["pelvis"], [0, -0.22, 0.03], atol=0.002)
    for side, sign in (("left", 1), ("right", -1)):
        arm = [joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand")]
        assert (np.diff(sign * np.array(arm)[:, 0]) > 0.05).all()
        assert np.ptp(np.array(arm)[:, 1:], axis=0).max() < 0.01
        assert joints[f"{side}_foot"][2] > joints[f"{side}_ankle"][2] + 0.08
        assert sign * joints[f"{side}_ankle"][0] > 0.05
    assert joints["head"][1] > joints["neck"][1] > joints["spine1"][1] > joints["left_knee"][1]
    reach = np.ptp(vertices[:, 0])
    assert 0.9 < reach / np.ptp(vertices[:, 1]) < 1.1


def test_positive_turns_bend_the_joints_as_in_smpl(body):
    _, sitting = posed(body, left_hip=(-90, 0, 0), left_knee=(90, 0, 0))
    assert sitting["left_knee"][2] > sitting["left_hip"][2] + 0.3
    assert sitting["left_ankle"][1] < sitting["left_knee"][1] - 0.3
    _, hanging = posed(body, left_shoulder=(0, 0, -60), right_elbow=(0, 90, 0))
    assert hanging["left_hand"][1] < hanging["left_shoulder"][1] - 0.3
    assert hanging["right_hand"][2] > hanging["right_elbow"][2] + 0.2


def test_joints_lie_inside_the_skin_over_shapes_and_poses(body):
    generator = torch.Generator().manual_seed(2)
    pose = 0.35 * torch.randn(20, 72, generator=generator)
    pose[:5] = 0
    betas = torch.randn(20, 10, generator=generator)
    result = body(pose, betas, torch.zeros(20, 3))
    for vertices, joints in zip(result.vertices.numpy(), result.joints.numpy(), strict=True):
        outside = winding_numbers(joints, vertices, body.faces.numpy()) < 0.5
        assert not outside.any(), [JOINT_NAMES[joint] for joint in np.flatnonzero(outside)]


@pytest.mark.parametrize(
    ("gender", "short", "mean", "tall"),
    [("neutral", 1.48, 1.69, 1.91), ("male", 1.61, 1.78, 1.95), ("female", 1.43, 1.61, 1.79)],
)
def test_first_coefficient_is_stature(gender, short, mean, tall):
    body = BodyModel.load(open_body_path(gender))
    statures = [np.ptp(posed(body, betas=(beta,))[0][:, 1]) for beta in (-2.0, 0.0, 2.0)]
    np.testing.assert_allclose(statures, [short, mean, tall], atol=0.01)


def test_bent_elbows_and_knees_keep_their_volume(body):
    """Straight limbs hold the same as bent ones to within 2 %: no collapse, no balloon."""
    faces = body.faces.numpy()

    def volume(**degrees):
        a, b, c = posed(body, **degrees)[0].astype(float)[faces].transpose(1, 0, 2)
        return np.einsum("fi,fi->", a, np.cross(b, c)) / 6

    bent = volume(left_knee=(100, 0, 0), right_elbow=(0, 100, 0), left_elbow=(0, -100, 0))
    assert abs(bent / volume() - 1) < 0.02


def test_smplx_finds_face_hands_and_feet_where_it_expects_them(arrays):
    model = smplx.SMPL(model_path="", data_struct=Struct(**arrays))
    # Order of smplx's extra joints: nose, eyes and ears right then left; left big toe, small toe, heel, the
    # right ones; left thumb to little finger, right ones.
    extra = model().joints[0, 24:].detach().numpy()
    joints = dict(zip(JOINT_NAMES, model().joints[0].detach().numpy()[:24], strict=True))
    nose, right_eye, left_eye, right_ear, left_ear = extra[:5]
    assert nose[0] == 0
    assert nose[2] > left_eye[2] > left_ear[2]
    assert left_ear[0] > left_eye[0] > 0 > right_eye[0] > right_ear[0]
    big_toe, small_toe, heel = extra[5:8]
    assert 0 < big_toe[0] < small_toe[0]
    assert heel[2] < joints["left_ankle"][2] < small_toe[2] < big_toe[2]
    fingers = extra[11:16]
    assert (fingers[:, 0] > joints["left_wrist"][0] + 0.07).all()
    assert (np.diff(fingers[:, 2]) < 0).all(), "thumb to little finger run from front to back, palm down"
    np.testing.assert_allclose(extra[8:11] * MIRROR, extra[5:8], atol=1e-6)
    np.testing.assert_allclose(extra[16:] * MIRROR, fingers, atol=1e-6)
