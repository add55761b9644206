"""Depth images: every pixel's point lies where the camera saw it, whichever file its intrinsics come from."""

import json

import numpy as np
import pytest
from PIL import Image

from sshmr.errors import InputError
from sshmr.formats.depth import Sensor
from sshmr.formats.intrinsics import Intrinsics, read_intrinsics
from sshmr.formats.points import read_points

FX, FY, CX, CY = 50.0, 52.0, 31.5, 23.0
HEIGHT, WIDTH = 48, 64
K = [[FX, 0, CX], [0, FY, CY], [0, 0, 1]]
LENS = (0.1, -0.05, 0.002, -0.001, 0.01)


def scene():
    """Depth in millimetres: a slanted wall, nothing in one corner; and its points, in metres."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth = (2000 + 5 * columns + 3 * rows).astype(np.uint16)
    depth[:8, :8] = 0
    z = depth / 1000
    points = np.stack([(columns - CX) / FX * z, (rows - CY) / FY * z, z], axis=2)
    return depth, points[depth > 0]


CAMERA_FILES = {
    "realsense.json": json.dumps(
        {"width": WIDTH, "height": HEIGHT, "ppx": CX, "ppy": CY, "fx": FX, "fy": FY, "coeffs": [0] * 5,
         "model": "distortion.inverse_brown_conrady"}
    ),
    "open3d.json": json.dumps(
        {"width": WIDTH, "height": HEIGHT, "intrinsic_matrix": np.ravel(K, "F").tolist()}
    ),
    "opencv.yaml": "%YAML:1.0\n---\nimage_width: 64\nimage_height: 48\ncamera_matrix: !!opencv-matrix\n"
    f"   rows: 3\n   cols: 3\n   dt: d\n   data: {np.ravel(K).tolist()}\n"
    "distortion_coefficients: !!opencv-matrix\n   rows: 1\n   cols: 5\n   dt: d\n"
    "   data: [0., 0., 0., 0., 0.]\n",
    "calibrated.yaml": f"image_width: 64\nimage_height: 48\ncamera_name: d\ncamera_matrix:\n"
    f"  rows: 3\n  cols: 3\n  data: {np.ravel(K).tolist()}\ndistortion_model: plumb_bob\n"
    "distortion_coefficients:\n  data: [0, 0, 0, 0, 0]\n",
    "echoed.yaml": "header:\n  frame_id: d\nheight: 48\nwidth: 64\ndistortion_model: plumb_bob\n"
    "D: [0.0, 0.0]\n"
    f"K: {np.ravel(K).tolist()}\n---\nheight: 48\n",
    "plain.txt": f"{FX} {FY} {CX} {CY}\n",
    "matrix.txt": "\n".join(" ".join(map(str, row)) for row in K),
}  # fmt: skip


@pytest.mark.parametrize("name", CAMERA_FILES)
def test_intrinsics_of_every_maker_give_the_same_points(tmp_path, name):
    depth, points = scene()
    Image.fromarray(depth).save(tmp_path / "000.png")
    (tmp_path / name).write_text(CAMERA_FILES[name])
    found = read_points(tmp_path / "000.png", Sensor(str(tmp_path / name)))
    np.testing.assert_allclose(found, points, atol=1e-9)


def test_the_file_beside_the_images_is_found(tmp_path):
    depth, points = scene()
    (tmp_path / "depth").mkdir()
    Image.fromarray(depth).save(tmp_path / "depth" / "000.png")
    (tmp_path / "camera_info.yaml").write_text(CAMERA_FILES["calibrated.yaml"])
    np.testing.assert_allclose(read_points(tmp_path / "depth" / "000.png"), points, atol=1e-9)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "metres.tif", "a.npy", "metres.npy"])
def test_depth_of_every_kind(tmp_path, name):
    depth, points = scene()
    image = (depth / 1000).astype(np.float32) if "metres" in name else depth
    if name.endswith(".npy"):
        np.save(tmp_path / name, image)
    else:
        Image.fromarray(image).save(tmp_path / name)
    found = read_points(tmp_path / name, Sensor(f"{FX} {FY} {CX} {CY}"))
    np.testing.assert_allclose(found, points, atol=1e-6)


def test_a_scale_is_applied(tmp_path):
    depth, points = scene()
    Image.fromarray(depth).save(tmp_path / "a.png")
    found = read_points(tmp_path / "a.png", Sensor(f"{FX}, {FY}, {CX}, {CY}", 0.0002))
    np.testing.assert_allclose(found, points / 5, atol=1e-9)


def test_a_lens_is_undone():
    """Rays are bent as OpenCV's page says, and must come back."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 0.5, (2, 200))
    k1, k2, p1, p2, k3 = LENS
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    bent_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    camera = Intrinsics(FX, FY, CX, CY, LENS)
    rays = camera.rays(FX * bent_x + CX, FY * bent_y + CY)
    np.testing.assert_allclose(rays, np.stack([x, y], axis=1), atol=1e-9)
    inverse = camera._replace(inverse=True).rays(FX * x + CX, FY * y + CY)
    np.testing.assert_allclose(inverse, np.stack([bent_x, bent_y], axis=1), atol=1e-9)


def test_azure_kinect_is_cut_to_its_mode(tmp_path):
    """Its calibration is of the whole sensor, 1024 pixels wide; a 640 × 576 image begins at (192, 180)."""
    parameters = [0.5, 0.51, 0.49, 0.49, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    cameras = [
        {"Purpose": f"CALIBRATION_CameraPurpose{name}", "Intrinsics": {"ModelParameters": values}}
        for name, values in (("PhotoVideo", [0.1] * 14), ("Depth", parameters))
    ]
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"CalibrationInformation": {"Cameras": cameras}}))
    depth = np.zeros((576, 640), np.uint16)
    depth[100, 400] = 1500
    Image.fromarray(depth).save(tmp_path / "a.png")
    (point,) = read_points(tmp_path / "a.png")
    focal = 0.49 * 1024
    centre = 0.5 * 1024 - 192 - 0.5, 0.51 * 1024 - 180 - 0.5
    expected = [(400 - centre[0]) / focal * 1.5, (100 - centre[1]) / focal * 1.5, 1.5]
    np.testing.assert_allclose(point, expected, atol=1e-9)


def test_what_is_missing_or_wrong_is_reported(tmp_path):
    depth, _ = scene()
    Image.fromarray(depth).save(tmp_path / "a.png")
    Image.new("RGB", (64, 48)).save(tmp_path / "colour.png")
    good = f"{FX} {FY} {CX} {CY}"
    (tmp_path / "other.json").write_text(
        json.dumps({"fx": 1, "fy": 1, "cx": 1, "cy": 1, "width": 9, "height": 9})
    )
    (tmp_path / "eye.yaml").write_text(
        f"K: {np.ravel(K).tolist()}\nD: [1.0]\ndistortion_model: equidistant\n"
    )
    (tmp_path / "none.json").write_text("{}")
    for image, given, message in [
        ("a.png", "", "without intrinsics"),
        ("colour.png", good, "depth"),
        ("a.png", str(tmp_path / "other.json"), "64×48, and its camera's intrinsics are for 9×9"),
        ("a.png", "5000 5000 900 900", "outside an image"),
        ("a.png", str(tmp_path / "eye.yaml"), "equidistant"),
        ("a.png", str(tmp_path / "none.json"), "names no intrinsics"),
        ("a.png", str(tmp_path / "lost.json"), "no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            read_points(tmp_path / image, Sensor(given))


def test_size_is_read_with_the_intrinsics(tmp_path):
    (tmp_path / "a.json").write_text(CAMERA_FILES["realsense.json"])
    assert read_intrinsics(tmp_path / "a.json").size == (WIDTH, HEIGHT)
