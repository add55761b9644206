"""Recordings of ROS 1 and 2, written by rosbags: clouds and depth images, with their times."""

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.formats.bags import messages, real_file
from sshmr.formats.points import read_points
from sshmr.local.inputs import find_inputs

POINTS = np.random.default_rng(0).normal(0, 0.4, (3, 400, 3)).astype(np.float32)
TIMES = [1316652689_900000000, 1316652690_000000000, 1316652690_100000000]
KINDS = {"ros1.bag": Stores.ROS1_NOETIC, "ros2.db3": Stores.ROS2_HUMBLE, "ros2.mcap": Stores.ROS2_HUMBLE}


def header(store, time):
    kinds = store.types
    stamp = kinds["builtin_interfaces/msg/Time"](time // 10**9, time % 10**9)
    more = {"seq": 0} if "seq" in kinds["std_msgs/msg/Header"].__annotations__ else {}
    return kinds["std_msgs/msg/Header"](stamp=stamp, frame_id="lidar", **more)


def cloud(store, time, points):
    """32 bytes a point: x y z at 0, 4, 8, intensity at 16."""
    field = store.types["sensor_msgs/msg/PointField"]
    fields = [field(name, place, 7, 1) for name, place in (("x", 0), ("y", 4), ("z", 8), ("intensity", 16))]
    data = np.zeros((len(points), 8), np.float32)
    data[:, :3] = points
    return store.types["sensor_msgs/msg/PointCloud2"](
        header=header(store, time), height=1, width=len(points), fields=fields, is_bigendian=False,
        point_step=32, row_step=32 * len(points), data=data.reshape(-1).view(np.uint8), is_dense=True,
    )  # fmt: skip


def depth_image(store, time, depth):
    height, width = depth.shape
    return store.types["sensor_msgs/msg/Image"](
        header=header(store, time), height=height, width=width, encoding="16UC1", is_bigendian=0,
        step=2 * width, data=depth.reshape(-1).view(np.uint8),
    )  # fmt: skip


def camera_info(store, time, width, height, focal):
    kind = store.types["sensor_msgs/msg/CameraInfo"]
    matrix = np.array([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1.0])
    names = {name.lower(): name for name in kind.__annotations__}
    region = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    values = {
        "header": header(store, time), "height": height, "width": width, "distortion_model": "plumb_bob",
        "d": np.zeros(5), "k": matrix, "r": np.eye(3).ravel(), "p": np.zeros(12), "binning_x": 0,
        "binning_y": 0,
        "roi": region,
    }  # fmt: skip
    return kind(**{names[name]: value for name, value in values.items()})


def record(path, topics):
    """Write {topic: [(time, message)]} as the ending says; returns the recording's file."""
    store = get_typestore(KINDS[path.name])
    if path.suffix == ".bag":
        writer = Writer1(path)
    else:
        plugin = StoragePlugin.MCAP if path.suffix == ".mcap" else StoragePlugin.SQLITE3
        writer = Writer2(path.with_suffix(""), version=9, storage_plugin=plugin)
    with writer:
        for topic, made in topics(store).items():
            kind = made[0][1].__msgtype__
            connection = writer.add_connection(topic, kind, typestore=store)
            for time, message in made:
                if path.suffix == ".bag":
                    writer.write(connection, time, store.serialize_ros1(message, kind))
                else:
                    writer.write(connection, time, store.serialize_cdr(message, kind))
    return path if path.suffix == ".bag" else next(path.with_suffix("").glob(f"*{path.suffix}"))


def clouds(store):
    return {
        "/velodyne/points": [(t, cloud(store, t, p)) for t, p in zip(TIMES, POINTS, strict=True)],
        "/camera/info": [(TIMES[0], camera_info(store, TIMES[0], 64, 48, 50.0))],
    }


@pytest.mark.parametrize("name", KINDS)
def test_each_cloud_of_a_recording_is_a_frame_with_its_time(tmp_path, name):
    bag = record(tmp_path / name, clouds)
    found = find_inputs([str(tmp_path)], [], CloudsConfig())
    assert [file.time for file in found] == pytest.approx([time / 1e9 for time in TIMES], abs=1e-6)
    assert len({file.sequence for file in found}) == 1
    for file, points in zip(found, POINTS, strict=True):
        np.testing.assert_array_equal(read_points(file.path), points)
        assert real_file(file.path).resolve() == bag.resolve()


@pytest.mark.parametrize("name", KINDS)
def test_depth_images_take_their_camera_info(tmp_path, name):
    depth = np.zeros((48, 64), np.uint16)
    depth[10, 20] = 2000
    bag = record(
        tmp_path / name,
        lambda store: {
            "/camera/depth/image_raw": [(TIMES[0], depth_image(store, TIMES[0], depth))],
            "/camera/depth/camera_info": [(TIMES[0], camera_info(store, TIMES[0], 64, 48, 50.0))],
            "/camera/color/camera_info": [(TIMES[0], camera_info(store, TIMES[0], 64, 48, 99.0))],
        },
    )
    (path,) = messages(bag)
    np.testing.assert_allclose(read_points(path), [[(20 - 32) / 50 * 2, (10 - 24) / 50 * 2, 2.0]])


def test_recordings_that_cannot_be_used_are_reported(tmp_path):
    (tmp_path / "broken.bag").write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    with pytest.raises(InputError, match=r"broken.bag: it cannot be read"):
        messages(tmp_path / "broken.bag")
    bag = record(
        tmp_path / "ros1.bag",
        lambda store: {"/camera/info": [(TIMES[0], camera_info(store, TIMES[0], 64, 48, 50.0))]},
    )
    with pytest.raises(InputError, match="sensor_msgs/msg/CameraInfo; expected sensor_msgs/PointCloud2"):
        messages(bag)
    with pytest.raises(InputError, match="topic is nothing"):
        read_points(bag / "nothing" / "1.000000000")
