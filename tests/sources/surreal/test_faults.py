"""Damaged clips of SURREAL: what is bad is skipped and listed, and nothing ends in a traceback."""

import shutil

import numpy as np
import pytest
from scipy.io import savemat

from sshmr.capture.surreal_writer import write_clip
from sshmr.config.extract import ExtractConfig, SurrealConfig
from sshmr.errors import InputError
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.sources.surreal.reader import read_sequence
from tests.sources.surreal.conftest import PLAIN, change, poses, stem_of

BAD = "01_01"
SETTINGS = PLAIN.replace(surreal=SurrealConfig(minimum_parts=1))


@pytest.fixture
def clips(clips):
    """Two clips are enough: one to be damaged, one beside it."""
    for sequence in ("03_01", "04_01"):
        shutil.rmtree(stem_of(clips, sequence).parent)
    return clips


def read(root, load_body, settings=SETTINGS):
    return read_sequence(root, "train_000", "train", settings, load_body)


def file(root, kind):
    stem = stem_of(root, BAD)
    return stem.with_name(f"{stem.name}_{kind}.mat")


def cut(kind):
    return lambda root: file(root, kind).write_bytes(file(root, kind).read_bytes()[:-200])


def put(kind, **arrays):
    return lambda root: change(stem_of(root, BAD), kind, **arrays)


def set_pixel(image):
    image[100, 160] = 77
    return image


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: file(root, "depth").unlink(), "no such file"),
        (lambda root: file(root, "segm").unlink(), "no such file"),
        (lambda root: file(root, "info").unlink(), "no such file"),
        (cut("depth"), "cut short or damaged"),
        (cut("segm"), "cut short or damaged"),
        (cut("info"), "cut short or damaged"),
        (lambda root: file(root, "depth").write_bytes(b""), "it is empty"),
        (lambda root: file(root, "info").write_bytes(b"<html>Unauthorized</html>" * 9), "a MATLAB 5 file"),
        (lambda root: (file(root, "segm").unlink(), file(root, "segm").mkdir()), "cannot be read"),
        (lambda root: file(root, "depth").write_bytes(file(root, "depth").read_bytes() * 2), "damaged"),
        (put("info", pose=None), '"pose" is missing'),
        (put("info", camLoc=None), '"camLoc" is missing'),
        (put("info", pose=np.zeros((156, 3))), r'"pose" is of shape \(156, 3\); expected \(72, T\)'),
        (put("info", shape=np.zeros((10, 2))), r'"shape" is of shape \(10, 2\)'),
        (put("info", joints3D=np.zeros((3, 24))), r'"joints3D" is of shape \(3, 24\)'),
        (put("info", zrot=np.zeros((4, 1))), r'"zrot" is of shape \(4, 1\)'),
        (put("info", pose="a pose"), '"pose" is damaged'),
        (put("info", camLoc=np.array([[np.nan], [0], [0]])), "camLoc"),
    ],
)  # fmt: skip
def test_a_clip_that_cannot_be_read_is_skipped_and_listed(clips, load_body, damage, message):
    damage(clips)
    reading = read(clips, load_body)
    assert len(reading.frames) == 3
    ((name, source, reason),) = reading.skipped
    assert name == "surreal/run0_01_01_c0001/000000/0"
    assert source == "cmu/train/run0/01_01/01_01_c0001_depth.mat"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(reason)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put("depth", depth_2=None), '"depth_2" is missing'),
        (put("segm", segm_2=None), '"segm_2" is missing'),
        (put("segm", segm_2=np.zeros((240, 320), "u1")), "no pixel shows the person"),
        (put("segm", segm_2=np.ones((24, 32), "u1")), r"its segm has shape \(24, 32\)"),
        (put("segm", segm_2=np.ones((240, 320), "f4")), "its segm is float32"),
        (put("segm", segm_2=set_pixel), "its segm holds 77, and there are 24 parts"),
        (put("depth", depth_2=np.ones((240, 320), "u2")), "its depth is uint16"),
        (put("depth", depth_2=np.full((320, 240), 7.0, "f4")), r"its depth has shape \(320, 240\)"),
        (put("depth", depth_2=np.full((240, 320), 1e10, "f4")), "none of the person's pixels has a depth"),
        (put("depth", depth_2=np.full((240, 320), np.nan, "f4")), "none of the person's pixels has a depth"),
        (put("depth", depth_2=lambda image: -image), "none of the person's pixels has a depth"),
        (put("depth", depth_2=lambda image: image * 1000), "depth must be in metres"),
        (put("depth", depth_2=np.linspace(1, 90, 76800, dtype="f4").reshape(240, 320)), "points|spans"),
        (put("depth", depth_2="a picture"), '"depth_2" is damaged'),
    ],
)  # fmt: skip
def test_a_frame_that_cannot_be_used_is_skipped_and_listed(clips, load_body, damage, message):
    damage(clips)
    reading = read(clips, load_body)
    assert [frame.frame for frame in reading.frames if BAD in frame.sequence] == [1, 3]
    assert len(reading.frames) == 5
    ((name, _, reason),) = reading.skipped
    assert name == "surreal/run0_01_01_c0001/000002/0"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(reason)


@pytest.mark.parametrize("array", ["pose", "shape", "joints3D"])
@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_a_label_that_cannot_be_costs_its_label_only(clips, load_body, array, value):
    def spoil(values):
        values = values.astype(float)
        values[2, ..., 1] = value
        return values

    put("info", **{array: spoil})(clips)
    frames = [frame for frame in read(clips, load_body).frames if BAD in frame.sequence]
    assert [frame.truth is None for frame in frames] == [False, True, False]


GARBAGE = {
    "no pose is finite": {"pose": np.full((72, 3), np.nan)},
    "every pose is another": {"pose": lambda pose: pose[::-1] + 1.0},
    "joints in millimetres": {"joints3D": lambda joints: joints * 1000},
    "no joint is finite": {"joints3D": np.full((3, 24, 3), np.nan)},
    "all of it": {
        "pose": np.full((72, 3), 1e30), "shape": np.full((10, 3), -1e30), "joints3D": np.zeros((3, 24, 3)),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_a_clips_annotation_costs_its_truth_and_no_frame(clips, load_body, name):
    """It is turned as the other clips are, so that nobody comes out mirrored."""
    whole = read(clips, load_body)
    put("info", **GARBAGE[name])(clips)
    reading = read(clips, load_body)
    assert [frame.frame_id for frame in reading.frames] == [frame.frame_id for frame in whole.frames]
    for frame, known in zip(reading.frames, whole.frames, strict=True):
        np.testing.assert_array_equal(frame.points, known.points)
    assert [frame.truth is None for frame in reading.frames] == [True] * 3 + [False] * 3
    assert any("1 clips without ground truth, rotated like the others" in note for note in reading.notes)


def test_joints_that_cannot_be_are_not_sign_of_left_and_right(clips):
    """Without a body model, joints tell which way the world is; the other clip's do."""
    whole = read(clips, lambda gender: None)
    put("info", joints3D=np.full((3, 24, 3), np.nan))(clips)
    reading = read(clips, lambda gender: None)
    for frame, known in zip(reading.frames, whole.frames, strict=True):
        np.testing.assert_array_equal(frame.points, known.points)


def test_depth_in_millimetres_everywhere_ends_the_run_with_the_reason(clips, load_body, tmp_path):
    for sequence in ("01_01", "02_01"):
        spoiled = {f"depth_{frame}": lambda image: image * 1000 for frame in (1, 2, 3)}
        change(stem_of(clips, sequence), "depth", **spoiled)
    with pytest.raises(InputError, match=r"6 were skipped.*depth must be in metres"):
        extract(
            "surreal", [Sequence("train_000", clips)], "train", SETTINGS, load_body,
            tmp_path / "a.parquet", tmp_path / "b.parquet",
        )  # fmt: skip
    assert not (tmp_path / "a.parquet").exists()


@pytest.fixture(scope="module")
def one_frame(tmp_path_factory, load_body):
    root, rng = tmp_path_factory.mktemp("SURREAL"), np.random.default_rng(5)
    place, stem = np.array([[0.0, 0.9, 0.0]]), stem_of(root, BAD)
    write_clip(stem, load_body("male"), "male", poses(1, 1.0, rng), np.zeros(10), place, 7.0, rng)
    return root


def survives(root, load_body):
    """Reads to an end: frames that are whole, or an error that says what is wrong."""
    try:
        reading = read(root, load_body)
    except InputError:
        return
    assert len(reading.frames) + len(reading.skipped) == 1
    for frame in reading.frames:
        assert np.isfinite(frame.points).all()
        if frame.truth:
            assert np.isfinite(frame.truth.joints).all()


def test_bytes_changed_at_random_never_end_in_a_traceback(one_frame, load_body):
    rng = np.random.default_rng(7)
    for turn in range(150):
        path = file(one_frame, ("depth", "segm", "info")[turn % 3])
        whole = path.read_bytes()
        changed = bytearray(whole)
        # The first bytes of the file and of its arrays say what follows.
        near = int(rng.choice([300, len(whole)]))
        for at in rng.integers(0, min(near, len(whole)), rng.integers(1, 4)):
            changed[at] = rng.integers(256)
        path.write_bytes(changed[: rng.integers(len(whole))] if turn % 10 == 0 else changed)
        survives(one_frame, load_body)
        path.write_bytes(whole)


def random_array(rng):
    """Any array that a MATLAB file can hold."""
    shape = [(72, 1), (10, 1), (3, 24), (1, 1), (3, 1), (240, 320), (0, 3), (2, 2, 2), (1, 72)][
        rng.integers(9)
    ]
    kind = ["f8", "f4", "u1", "i2", "u2", "i4", "u8"][rng.integers(7)]
    if kind[0] == "f":
        values = rng.choice([0, 1, -1, 1e3, 1e-30, 1e30, np.nan, np.inf], shape) * rng.normal(size=shape)
    else:
        values = rng.integers(0, [2, 30, 120][rng.integers(3)], shape)
    with np.errstate(over="ignore"):
        return values.astype(kind)


def test_arrays_exchanged_at_random_never_end_in_a_traceback(one_frame, load_body):
    rng = np.random.default_rng(8)
    names = {
        "info": ("pose", "shape", "joints3D", "zrot", "camLoc", "gender"),
        "depth": ("depth_1",),
        "segm": ("segm_1",),
    }
    for turn in range(60):
        kind = list(names)[turn % 3]
        path = file(one_frame, kind)
        whole = path.read_bytes()
        change(stem_of(one_frame, BAD), kind, **{str(rng.choice(names[kind])): random_array(rng)})
        survives(one_frame, load_body)
        path.write_bytes(whole)


def test_a_file_of_a_thousand_frames_is_not_a_burden(one_frame, load_body, tmp_path):
    """Frames that the annotation claims and the images lack are listed, one by one, up to a limit."""
    path = file(one_frame, "info")
    whole = path.read_bytes()
    settings = ExtractConfig(surreal=SurrealConfig(train_frames=0, minimum_parts=1))
    for count, listed in ((1000, 1000), (20_000, 1)):
        savemat(
            path,
            {
                "pose": np.zeros((72, count), "f4"), "shape": np.zeros((10, count), "f4"),
                "joints3D": np.zeros((3, 24, count), "f4"), "zrot": np.zeros((count, 1), "f4"),
                "camLoc": np.zeros((3, 1)), "gender": np.zeros((count, 1), "u1"),
            },
            do_compression=True,
        )  # fmt: skip
        if count == 1000:
            with pytest.raises(InputError, match="the annotation of none of 1 clips fits"):
                read(one_frame, load_body, settings)
        else:
            assert len(read(one_frame, load_body, settings).skipped) == listed
    path.write_bytes(whole)
