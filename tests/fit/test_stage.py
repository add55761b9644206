import numpy as np
import pytest
import torch

from sshmr.body.layout import JOINT_NAMES
from sshmr.config.fit import FitConfig, Stage
from sshmr.config.relabel import RelabelConfig
from sshmr.errors import InputError
from sshmr.fit.linearise import State
from sshmr.fit.pseudo_labels import relabel
from sshmr.fit.residuals import residuals, visible_joints
from sshmr.fit.stage import fit_shard, neighbour_starts, surroundings


@pytest.fixture(scope="module")
def shard(seen_bodies):
    """The four clouds as the stage reads them from a points table."""
    mask = seen_bodies["mask"].numpy()
    return {
        "frame_id": [f"demo/one/{row:06d}/0" for row in range(4)],
        "sequence": ["one"] * 4,
        "frame": np.array([3, 1, 2, 0], np.int32),
        "view": np.zeros(4, np.int16),
        "offset": np.array([[3.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0]], np.float32),
        "points": seen_bodies["points"].numpy(),
        "n_points": mask.sum(1).astype(np.int32),
    }


@pytest.fixture(scope="module")
def truth(shard, seen_bodies):
    """The true bodies as a params table."""
    values = {name: seen_bodies[name].numpy() for name in ("pose", "betas", "transl")}
    ones = np.ones(4, np.float32)
    return {"frame_id": shard["frame_id"], "confidence": ones, "scale": ones, **values}


def test_rows_come_back_in_the_order_of_the_clouds(shard, truth, neutral_body, template, prior, seen_bodies):
    """The stage sorts clouds by length inside; each row must still be its own cloud's."""
    columns = fit_shard(shard, neutral_body, template, prior, FitConfig(batch=2), initial=truth)
    assert columns["frame_id"] == shard["frame_id"]
    joints = neutral_body(*(torch.from_numpy(columns[n]) for n in ("pose", "betas", "transl"))).joints
    error = (joints - seen_bodies["joints"]).norm(dim=2).mean(1)
    assert error.max() < 0.045
    assert (columns["residual"] < 0.01).all()
    assert set(columns["hypothesis"]) == {"network"}
    assert (columns["confidence"] > 0.5).all()


def test_params_of_other_frames_are_refused(shard, truth, neutral_body, template, prior):
    other = {**truth, "frame_id": truth["frame_id"][::-1]}
    with pytest.raises(InputError, match="frame_id"):
        fit_shard(shard, neutral_body, template, prior, FitConfig(), initial=other)


def test_residual_is_the_distance_to_the_surface_not_to_the_nearest_vertex(neutral_body):
    zeros = torch.zeros(1, 10)
    state = State.from_pose(torch.zeros(1, 72), zeros, zeros[:, :3])
    posed = neutral_body(state.pose, state.betas, state.transl).vertices[0]
    middles = posed[neutral_body.faces[::50]].mean(1)
    clouds = torch.cat([middles, middles[:30] + 9, torch.full((3, 3), 9.0)])[None]
    mask = torch.arange(len(middles) + 33)[None] < len(middles) + 30
    found = residuals(neutral_body, state, clouds, mask)
    assert found.median[0] < 1e-5
    assert found.far_share[0] == pytest.approx(30 / (len(middles) + 30))


def test_connected_points_far_from_the_mesh_are_distinguished_from_strays(neutral_body):
    zeros = torch.zeros(1, 10)
    state = State.from_pose(torch.zeros(1, 72), zeros, zeros[:, :3])
    skin = neutral_body.v_template[::100]
    limb = torch.linspace(0, 0.3, 11)[:, None] * torch.tensor([0.0, 1.0, 0.0]) + torch.tensor([0.0, 0.0, 0.5])
    strays = torch.eye(3).repeat(3, 1) * torch.arange(2, 11)[:, None]
    cloud = torch.cat([skin, limb, strays])[None]
    found = residuals(neutral_body, state, cloud, torch.ones(cloud.shape[:2], dtype=torch.bool))
    assert found.missed_share[0] == pytest.approx(11 / cloud.shape[1])


def test_joints_without_points_on_their_skin_are_not_visible(neutral_body, template):
    """The upper half of a body in a T-pose: no knee, no ankle, no foot, and all above."""
    zeros = torch.zeros(1, 10)
    state = State.from_pose(torch.zeros(1, 72), zeros, zeros[:, :3])
    posed = neutral_body(state.pose, state.betas, state.transl)
    vertices = posed.vertices[0]
    upper = vertices[vertices[:, 1] > posed.joints[0, 0, 1]][None]
    few = neutral_body.subset(template.vertex_ids)
    visible = visible_joints(few, state, upper, torch.ones(upper.shape[:2], dtype=torch.bool))[0]
    hidden = {JOINT_NAMES[i] for i in (~visible).nonzero()[:, 0].tolist()}
    below = {f"{side}_{joint}" for side in ("left", "right") for joint in ("ankle", "foot")}
    assert below <= hidden <= below | {"left_knee", "right_knee"}


def test_labels_name_the_template_vertex_under_each_point(shard, truth, neutral_body, template):
    columns = relabel(shard, truth, neutral_body, template, RelabelConfig())
    posed = neutral_body(*(torch.from_numpy(truth[n]) for n in ("pose", "betas", "transl")))
    places = posed.vertices[:, template.vertex_ids].numpy()
    for row in range(4):
        count = shard["n_points"][row]
        assert (columns["segment"][row, count:] == -1).all()
        assert (columns["weight"][row, count:] == 0).all()
        distance = np.linalg.norm(shard["points"][row, :count, None] - places[row][None], axis=2)
        np.testing.assert_array_equal(columns["segment"][row, :count], distance.argmin(1))


def test_stray_points_and_failed_fits_teach_nothing(shard, truth, neutral_body, template):
    points = shard["points"].copy()
    points[0, 0] = [2.0, 2.0, 2.0]
    doubtful = {**truth, "confidence": np.array([1.0, 0.8, 0.1, 0.0], np.float32)}
    weight = relabel({**shard, "points": points}, doubtful, neutral_body, template, RelabelConfig())["weight"]
    assert weight[0, 0] < 1e-3
    assert weight[0, 1:700].mean() > 0.8
    assert (weight[2:] == 0).all()
    assert weight[1, :400].max() <= 0.8


def test_neighbours_in_time_are_offered_in_the_frames_own_place(shard, truth):
    """Rows are frames 3, 1, 2, 0, each offset by its number along x."""
    starts = neighbour_starts(shard, truth)
    earlier, later = starts["earlier"], starts["later"]
    np.testing.assert_array_equal(earlier["pose"], truth["pose"][[2, 3, 1, 3]])
    np.testing.assert_array_equal(later["pose"], truth["pose"][[0, 2, 0, 1]])
    shift = later["transl"] - truth["transl"][[0, 2, 0, 1]]
    np.testing.assert_allclose(shift, [[0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], atol=1e-6)


def test_frames_of_other_sequences_and_views_are_not_neighbours(shard, truth):
    apart = {**shard, "sequence": ["one", "two", "one", "two"], "view": np.array([0, 0, 1, 1], np.int16)}
    starts = neighbour_starts(apart, truth)
    for table in starts.values():
        np.testing.assert_array_equal(table["pose"], truth["pose"])
        np.testing.assert_allclose(table["transl"], truth["transl"], atol=1e-6)


def test_a_sequence_in_several_tables_is_fitted_as_in_one(shard, truth, neutral_body, template, prior):
    """What lies around a frame may be in another table: the same bodies must come out."""
    parts = (neutral_body, template, prior, FitConfig(batch=1))
    whole = fit_shard(shard, *parts, previous=truth)
    around, rows = surroundings(shard, truth), np.array([0, 2])
    some = {name: np.asarray(values)[rows] for name, values in shard.items()} | {
        "frame_id": [shard["frame_id"][row] for row in rows],
        "sequence": [shard["sequence"][row] for row in rows],
    }
    known = {name: truth[name][rows] for name in ("pose", "betas", "transl")} | {"frame_id": some["frame_id"]}
    part = fit_shard(some, *parts, previous=known, around=around.rows(rows))
    for name in ("pose", "betas", "transl"):
        np.testing.assert_allclose(part[name], whole[name][rows], atol=1e-5)
    alone = fit_shard(some, *parts, previous=known)
    assert np.abs(alone["pose"] - whole["pose"][rows]).max() > 1e-3


@pytest.mark.parametrize("wanted", [True, False])
def test_the_previous_fit_is_a_start_only_if_wanted(wanted, shard, truth, neutral_body, template, prior):
    stage = Stage(hypotheses=2, vertices=128, points=128, iterations=2, start=0.05, end=0.03)
    config = FitConfig(refine=(stage,), neighbours=False, previous=wanted)
    pose = truth["pose"].copy()
    pose[:, 3:] = np.roll(pose[:, 3:], 1, axis=0)  # Predictions with another frame's limbs.
    wrong = {**truth, "pose": pose}
    found = fit_shard(shard, neutral_body, template, prior, config, initial=wrong, previous=truth)
    assert ("previous" in found["hypothesis"]) == wanted
