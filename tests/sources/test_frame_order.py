"""The order of frames, their numbers and times, from the names that programs give them."""

from pathlib import Path

import pytest

from sshmr.sources.frame_order import numbered


def order(*names):
    return [(file.path.name, file.frame, file.time) for file in numbered([Path(name) for name in names])]


def names(*given):
    return [name for name, _, _ in order(*given)]


def test_ros_names_are_in_order_of_time():
    """``sec.nsec.pcd``, across the end of a second."""
    found = order(
        "1316652690.144386960.ply", "1316652690.344386965.ply", "1316652689.744386960.ply",
        "1316652689.944386961.ply",
    )  # fmt: skip
    assert [name[:14] for name, _, _ in found] == [
        "1316652689.744", "1316652689.944", "1316652690.144", "1316652690.344",
    ]  # fmt: skip
    assert [frame for _, frame, _ in found] == [0, 1, 2, 3]
    assert [time for *_, time in found] == pytest.approx(
        [1316652689.74438696, 1316652689.944386961, 1316652690.14438696, 1316652690.344386965], abs=1e-6
    )


def test_nanoseconds_without_leading_zeros():
    found = order("1316652690.5000000.pcd", "1316652689.744386960.pcd", "1316652690.45000000.pcd")
    assert [time - 1316652689 for *_, time in found] == pytest.approx([0.74438696, 1.005, 1.045], abs=1e-6)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (("frame_20121214T142255.814212.pcd", "frame_20121214T142256.014212.pcd"), [1355494975.814212, 0.2]),
        (("1532402927647951.bin", "1532402927697951.bin"), [1532402927.647951, 0.05]),
        (("1316652689744386960.npy", "1316652689844386960.npy"), [1316652689.744386, 0.1]),
        (("lidar_1316652689744.npy", "lidar_1316652689844.npy"), [1316652689.744, 0.1]),
        (("1316652689.25.xyz", "1316652689.75.xyz"), [1316652689.25, 0.5]),
    ],
)
def test_other_stamps(given, seconds):
    first, second = order(*given)
    assert [first[0], second[0]] == list(given)
    assert first[2] == pytest.approx(seconds[0], abs=1e-5)
    assert second[2] - first[2] == pytest.approx(seconds[1], abs=1e-5)


def test_all_numbers_count_naturally():
    given = [f"frame_{number}_cam2.ply" for number in (10, 11, 1, 2, 3)]
    assert [frame for _, frame, _ in order(*given)] == [1, 2, 3, 10, 11]
    assert names("b2_1", "b1_2", "b1_10", "b1_1") == ["b1_1", "b1_2", "b1_10", "b2_1"]
    assert [frame for _, frame, _ in order("b2_1", "b1_2")] == [0, 1]
    assert names("f2.npy", "f10.npy", "f1.npy") == ["f1.npy", "f2.npy", "f10.npy"]
    assert names("b", "a") == ["a", "b"]
    assert [(name, frame) for name, frame, _ in order("b_1", "a_1", "b_2")] == [
        ("a_1", 0),
        ("b_1", 1),
        ("b_2", 2),
    ]


def test_numbers_that_are_not_times_have_none():
    for given in (("0001.ply", "0002.ply"), ("12.5.ply", "12.7.ply"), ("99999999999.1.ply",)):
        assert {time for *_, time in order(*given)} == {None}


def test_a_pattern_numbers_the_frames():
    found = numbered([Path("a_7_x1"), Path("a_3_x2")], [7, 3])
    assert [(file.frame, file.path.name) for file in found] == [(3, "a_3_x2"), (7, "a_7_x1")]
