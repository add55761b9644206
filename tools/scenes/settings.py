"""Settings of simulated scenes."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sshmr.config.capture import CaptureConfig, LidarConfig


@dataclass(frozen=True)
class SceneConfig:
    """A recording of several people by one sensor.

    Attributes:
        sensor: ``lidar`` or ``depth``. indoors: a room with furniture, or a place with cars and poles.
        frames, frames_per_second: of the recording. people: how many at most.
        kinds: what people do, and how often: ``walk``, ``stand``, ``crouch``, ``sit``, ``ride``.
        coming_and_going: share of the walkers who are present for only a part of the recording.
        distance: nearest and farthest place of a person from the sensor, metres.
        spread: bearings of those places, radians to either side of straight ahead.
        things: number of objects. roughness: height of the ground's bumps, metres.
        height: of the sensor above the ground, metres. pitch: of a depth camera, radians, down.
        lidar: the LiDAR. view: degrees about straight ahead that it sees.
        glass: share of the cars and facades whose windows let rays through.
        kerb: height of the pavement over the road, metres.
        width, height_pixels, focal: of the depth camera's image, pixels.
        noise: standard deviation of depth at one metre, metres; it grows with the square.
        reach: farthest reading, metres.
    """

    sensor: str = "lidar"
    indoors: bool = False
    frames: int = 100
    frames_per_second: float = 10.0
    people: int = 6
    kinds: dict[str, float] = field(default_factory=lambda: {"walk": 0.7, "stand": 0.3})
    coming_and_going: float = 0.4
    distance: tuple[float, float] = (3.0, 12.0)
    spread: float = 3.14159
    things: int = 20
    roughness: float = 0.05
    height: float = 1.6
    pitch: float = 0.1
    lidar: LidarConfig = field(default_factory=LidarConfig)
    view: float = 360.0
    glass: float = 0.5
    kerb: float = 0.12
    width: int = 320
    height_pixels: int = 288
    focal: float = 252.0
    noise: float = 0.0015
    reach: float = 60.0

    def motion(self) -> CaptureConfig:
        """Settings of the motions drawn for one person."""
        return CaptureConfig(frames=self.frames, framerate=self.frames_per_second, speed=(0.0, 0.0))


LIDARS = {
    "lidar16": LidarConfig(rings=16, lowest=-15, highest=15, azimuth_step=0.2),
    "lidar32": LidarConfig(rings=32, lowest=-30, highest=10, azimuth_step=0.2),
    "lidar64": LidarConfig(rings=64, lowest=-24.8, highest=2, azimuth_step=0.18),
    "lidar128": LidarConfig(rings=128, lowest=-22.5, highest=22.5, azimuth_step=0.35),
}
"""Spinning LiDARs with the rings of common ones."""


def scene_preset(name: str, **changes: Any) -> SceneConfig:
    """Settings of a kind of sensor: one of ``LIDARS``, or ``depth``."""
    if name == "depth":
        base = SceneConfig(
            sensor="depth", indoors=True, people=4, distance=(1.3, 4.5), spread=0.5, things=8, roughness=0.0,
            height=1.3, reach=6.0,
        )  # fmt: skip
    else:
        base = SceneConfig(lidar=LIDARS[name])
    return dataclasses.replace(base, **changes)
