"""Recordings of ROS: .bag of ROS 1, .db3 and .mcap of ROS 2, through rosbags, an optional dependency.

A recording counts as a folder with a folder per topic and a file per message, named by the time of recording:
``walk.mcap/velodyne_points/1316652689.744386960``. Clouds are messages of ``sensor_msgs/PointCloud2``. Depth
images, ``sensor_msgs/Image`` of 16 bits or floats, are read where a recording has no clouds, with the
``sensor_msgs/CameraInfo`` that is nearest to their topic.
"""

import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sshmr.errors import InputError
from sshmr.formats import velodyne
from sshmr.formats.depth import Sensor, unproject
from sshmr.formats.extras import require
from sshmr.formats.intrinsics import Intrinsics
from sshmr.formats.suffixes import BAG_SUFFIXES

CLOUD, IMAGE, INFO = (f"sensor_msgs/msg/{name}" for name in ("PointCloud2", "Image", "CameraInfo"))
KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""numpy's types for ``sensor_msgs/PointField``'s numbers."""
DEPTHS = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
LARGEST_MESSAGE = 2**30


class _Recording(NamedTuple):
    """An open recording: rosbags' reader, and topics by the name of their folder."""

    reader: Any
    topics: dict[str, Any]
    infos: dict[str, Any]


def bag_of(path: Path) -> Path | None:
    """The recording of a message's path; None for any other path."""
    return next((parent for parent in path.parents[:2] if parent.suffix.lower() in BAG_SUFFIXES), None)


def real_file(path: Path) -> Path:
    """The file on disk that a cloud is read from: itself, or the recording that it is a message of."""
    bag = None if path.exists() else bag_of(path)
    return bag or path


def messages(bag: Path) -> list[Path]:
    """The clouds, else the depth images, of a recording.

    Raises:
        InputError: when it cannot be read or has neither.
    """
    if bag.suffix.lower() == velodyne.SUFFIX:
        return velodyne.sweeps(bag)
    recording = _open(bag)
    found = []
    for name, connection in recording.topics.items():
        stamps = sorted({time for _, time, _ in _stamps(recording.reader, connection)})
        found += [bag / name / f"{time // 10**9}.{time % 10**9:09d}" for time in stamps]
    if not found:
        kinds = sorted({connection.msgtype for connection in recording.reader.connections})
        raise InputError(
            bag,
            found=f"messages of {', '.join(kinds) or 'no type'}",
            expected="sensor_msgs/PointCloud2, or depth as sensor_msgs/Image",
        )
    return found


def _stamps(reader: Any, connection: Any) -> Any:
    return reader.messages(connections=[connection])


def read_message(path: Path, sensor: Sensor) -> np.ndarray:
    """The points of one message, (K, 3) float64.

    Args:
        path: one of those that ``messages`` names.

    Raises:
        InputError: when it is missing or not supported.
    """
    bag = bag_of(path)
    if bag is None or not bag.exists():
        raise InputError(path, found="not a message of this recording")
    if bag.suffix.lower() == velodyne.SUFFIX:
        return velodyne.read_sweep(bag, path.name)
    recording = _open(bag)
    connection = recording.topics.get(path.parent.name)
    if connection is None:
        raise InputError(path, "topic", path.parent.name, ", ".join(recording.topics))
    seconds, _, fraction = path.name.partition(".")
    time = int(seconds) * 10**9 + int(fraction)
    for found, _, raw in recording.reader.messages(connections=[connection], start=time, stop=time + 1):
        message = recording.reader.deserialize(raw, found.msgtype)
        if found.msgtype == CLOUD:
            return _cloud(path, message)
        return unproject(path, _depth(path, message), sensor, _intrinsics(recording, connection, sensor))
    raise InputError(path, found="not a message of this recording")


@functools.lru_cache(1)
def _opened(bag: Path, changed: int) -> _Recording:
    highlevel = require("rosbags.highlevel", bag, "bags")
    typesys = require("rosbags.typesys", bag, "bags")
    # metadata.yaml in a folder of ROS 2 lists the files that belong together.
    folder = bag.parent if (bag.parent / "metadata.yaml").is_file() and bag.suffix != ".bag" else bag
    try:
        store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
        reader = highlevel.AnyReader([folder], default_typestore=store)
        reader.open()
        connections = {connection.topic: connection for connection in reader.connections}
        clouds = {t: c for t, c in connections.items() if c.msgtype == CLOUD}
        chosen = clouds or {
            t: c for t, c in connections.items() if c.msgtype == IMAGE and _is_depth(reader, c)
        }
        infos = {t: c for t, c in connections.items() if c.msgtype == INFO}
    except InputError:
        raise
    except Exception as error:  # Damaged recordings raise many kinds of errors.
        reason = str(error) or type(error).__name__
        raise InputError(
            bag, found=f"it cannot be read ({reason[:200]})", expected="a recording of ROS"
        ) from error
    return _Recording(reader, {t.strip("/").replace("/", "_"): c for t, c in sorted(chosen.items())}, infos)


def _open(bag: Path) -> _Recording:
    return _opened(bag, os.stat(bag).st_mtime_ns)


def _is_depth(reader: Any, connection: Any) -> bool:
    for found, _, raw in reader.messages(connections=[connection]):
        return reader.deserialize(raw, found.msgtype).encoding in DEPTHS
    return False


def _cloud(path: Path, message: Any) -> np.ndarray:
    """x, y, z of a PointCloud2."""
    order = ">" if message.is_bigendian else "<"
    fields = {field.name.lower(): field for field in message.fields}
    if any(axis not in fields or fields[axis].datatype not in KINDS for axis in "xyz"):
        raise InputError(path, "fields", ", ".join(fields), "x, y and z among them")
    count = message.width * message.height
    step, row = message.point_step, message.row_step or message.width * message.point_step
    if count * step > LARGEST_MESSAGE or message.height * row > len(message.data) or not step:
        found = f"{message.width}×{message.height} points of {step} bytes in {len(message.data)} bytes"
        raise InputError(path, "data", found, "as many bytes as points need")
    record = np.dtype(
        {
            "names": list("xyz"),
            "formats": [order + KINDS[fields[axis].datatype] for axis in "xyz"],
            "offsets": [fields[axis].offset for axis in "xyz"],
            "itemsize": step,
        }
    )
    data = (
        np.ascontiguousarray(message.data).view(np.uint8)[: message.height * row].reshape(message.height, row)
    )
    points = np.ascontiguousarray(data[:, : message.width * step]).reshape(-1).view(record)
    return np.stack([points[axis] for axis in "xyz"], axis=1).astype(np.float64)


def _depth(path: Path, message: Any) -> np.ndarray:
    """A depth image (H, W), in its own units."""
    kind = np.dtype((">" if message.is_bigendian else "<") + DEPTHS[message.encoding])
    width, step = message.width * kind.itemsize, message.step or message.width * kind.itemsize
    if message.height * step > len(message.data) or step < width:
        found = f"{message.width}×{message.height} pixels in {len(message.data)} bytes"
        raise InputError(path, "data", found, "as many bytes as pixels need")
    data = np.ascontiguousarray(message.data).view(np.uint8)[: message.height * step]
    rows = np.ascontiguousarray(data.reshape(message.height, step)[:, :width])
    return rows.view(kind).astype(kind.newbyteorder("="))


def _intrinsics(recording: _Recording, image: Any, sensor: Sensor) -> Intrinsics | None:
    """Of the camera_info with the longest common beginning of its topic; None where another is given."""
    if sensor.intrinsics or not recording.infos:
        return None
    nearest = max(recording.infos, key=lambda topic: len(os.path.commonpath([topic, image.topic])))
    for found, _, raw in recording.reader.messages(connections=[recording.infos[nearest]]):
        info = recording.reader.deserialize(raw, found.msgtype)
        matrix = info.k if hasattr(info, "k") else info.K
        distortion = info.d if hasattr(info, "d") else info.D
        model = info.distortion_model
        if any(distortion) and model not in ("plumb_bob", "rational_polynomial"):
            raise InputError(nearest, "the distortion model", model, "plumb_bob or rational_polynomial")
        four = (float(matrix[0]), float(matrix[4]), float(matrix[2]), float(matrix[5]))
        return Intrinsics(*four, tuple(map(float, distortion[:8])), False, (info.width, info.height))
    return None
