import numpy as np
import pytest

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError
from sshmr.sources.clouds import read_sequence
from sshmr.sources.extract import table_columns
from sshmr.sources.sensor_place import seen_from_origin

AWAY = np.array([0.0, -1.0, -3.0])
"""Position of the person's feet in metres. The sensor is at the origin and faces -z."""


def trunk(sides=1):
    """A standing cylinder seen from +z, or from all around with ``sides`` 2."""
    angle, height = np.meshgrid(np.linspace(0, sides * np.pi, 16 * sides), np.linspace(0, 1.7, 45))
    places = np.stack([0.2 * np.cos(angle), height, 0.2 * np.sin(angle)], 2).reshape(-1, 3)
    return places + np.random.default_rng(0).normal(0, 0.003, places.shape)


def test_a_cloud_that_bulges_towards_the_origin_was_seen_from_there():
    assert seen_from_origin(trunk() + AWAY)


@pytest.mark.parametrize(
    "cloud",
    [
        pytest.param(trunk() * [1, 1, -1] + AWAY, id="hollow from there"),
        pytest.param(trunk()[:, [2, 1, 0]] + AWAY, id="from the side"),
        pytest.param(trunk(2) + AWAY, id="seen from all around"),
        pytest.param(trunk() - trunk().mean(0), id="centred on the origin"),
    ],
)
def test_other_clouds_were_not(cloud):
    assert not seen_from_origin(cloud)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("auto", [0, 0, 0]), ([100.0, 0.0, 30.0], [1.0, 0.3, 0.0]), ("unknown", [np.nan] * 3)],
)
def test_the_sensor_is_in_the_centred_frame_whatever_axes_and_unit_the_files_have(
    tmp_path, setting, expected
):
    """In files that are z up and in cm, y up's (x, y, z) is (x, -z, y)."""
    cloud = trunk() + AWAY
    (tmp_path / "walk").mkdir()
    np.save(tmp_path / "walk" / "000001.npy", 100 * cloud @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]))
    clouds = from_mapping(CloudsConfig, {"up": "z", "unit": "cm", "sensor": setting})
    settings = ExtractConfig(clouds=clouds)
    columns = table_columns([read_sequence(tmp_path, "walk", "train", settings)], "train", settings.points)
    np.testing.assert_allclose(columns["sensor"][0] + columns["offset"][0], expected, atol=1e-6)


@pytest.mark.parametrize("wrong", ["somewhere", [1.0, 2.0], [1.0, 2.0, "north"]])
def test_another_place_of_the_sensor_is_an_error_that_names_the_key(wrong):
    with pytest.raises(InputError, match="sensor"):
        from_mapping(CloudsConfig, {"sensor": wrong})
