"""Simulated recordings of whole scenes: several people among objects, with their positions in each frame."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.capture.props import Mesh, box, joined
from sshmr.files import atomic_path, write_json
from sshmr.formats.ply_writer import write_ply
from tools.scenes.people import Walker, draw_ways, make_walker
from tools.scenes.sensors import SceneSensor, Sweep
from tools.scenes.settings import SceneConfig
from tools.scenes.street import facade, glass_car
from tools.scenes.things import INDOORS, OUTDOORS, bicycle, make_thing, placed

CLEAR = 0.45
"""Distance in metres that people keep from an object's box."""


class Seen(NamedTuple):
    """One frame: the points of the sensor, and the people.

    Attributes:
        sweep: a ``Sweep``, whose person numbers are those of ``Scene.people`` plus one.
        centres: (P, 3) metres, each person's pelvis in the sensor's axes; NaN if a person is absent.
    """

    sweep: Sweep
    centres: np.ndarray


class Scene:
    """A place, its people and a sensor, drawn at random from a seed."""

    def __init__(
        self, settings: SceneConfig, load_body: Callable[[str], BodyModel], prior: PosePrior, seed: int
    ) -> None:
        rng = np.random.default_rng([seed, 7])
        self.settings, self.seed = settings, seed
        self._bumps = [(rng.normal(0, 0.3, 2), rng.uniform(0, 6.3), settings.roughness / 3) for _ in range(3)]
        self._slope = rng.normal(0, 0.02, 2) * (settings.roughness > 0)
        bearing = rng.uniform(0, 2 * np.pi)
        self._kerb = np.array([np.sin(bearing), np.cos(bearing)]), rng.uniform(2.0, 8.0)
        things, self._blocked = self._things(rng)
        still = joined([self._ground(), *self._walls(rng), *things])
        ways, theres, kinds = draw_ways(settings.people, settings, self._free, rng)
        self.people: list[Walker] = [
            make_walker(kind, way, there, self.height, load_body, prior, settings, rng)
            for way, there, kind in zip(ways, theres, kinds, strict=True)
        ]
        self._bikes = {
            number: bicycle(rng) for number, person in enumerate(self.people) if person.kind == "ride"
        }
        self._still = still
        self.sensor = self.sensor_of(settings)

    def sensor_of(self, settings: SceneConfig) -> SceneSensor:
        """A sensor with these settings at the scene's middle. Set as ``sensor``, it is used for the next
        frames."""
        origin = np.array([0.0, self.height(np.zeros((1, 2)))[0] + settings.height, 0.0])
        return SceneSensor(settings, origin, self._still)

    def height(self, place: np.ndarray) -> np.ndarray:
        """Height of the ground at places (K, 2): x, z."""
        flat = place @ self._slope
        if not self.settings.indoors and self.settings.roughness:
            across, away = self._kerb
            flat = flat + self.settings.kerb * np.clip((place @ across - away) / 0.3, 0, 1)
        return flat + sum(size * np.sin(place @ wave + start) for wave, start, size in self._bumps)

    def frames(self) -> Iterator[Seen]:
        """All frames in order."""
        for number in range(self.settings.frames):
            yield self.frame(number)

    def frame(self, number: int) -> Seen:
        """One frame of the recording."""
        rng = np.random.default_rng([self.seed, 8, number])
        meshes, centres = [], np.full((len(self.people), 3), np.nan)
        there = [index for index, person in enumerate(self.people) if person.there[number]]
        for index in there:
            person = self.people[index]
            mesh = (person.vertices[number].astype(np.float64), person.faces)
            if index in self._bikes:
                mesh = joined([mesh, self._bike(index, number)])
            meshes.append(mesh)
            centres[index] = (person.centre[number] - self.sensor.position) @ self.sensor.to_sensor.T
        sweep = self.sensor.see(meshes, rng, [self.people[index].dark for index in there])
        numbers = np.array([0, *(index + 1 for index in there)])
        free = np.zeros(len(self.people), np.int64)
        free[there] = sweep.free
        return Seen(Sweep(sweep.points, numbers[sweep.person], free), centres)

    def empty(self) -> np.ndarray:
        """The points (K, 3) of a frame without people."""
        return self.sensor.see([], np.random.default_rng([self.seed, 9])).points

    def _bike(self, index: int, number: int) -> Mesh:
        person = self.people[index]
        left, right = (
            person.vertices[number][:, [0, 2]].min(axis=0),
            person.vertices[number][:, [0, 2]].max(axis=0),
        )
        way = person.centre[:, [0, 2]]
        step = way[min(number + 1, len(way) - 1)] - way[max(number - 1, 0)]
        middle = (left + right) / 2
        base = np.array([middle[0], self.height(middle[None])[0], middle[1]])
        return placed(self._bikes[index], base, np.arctan2(step[0], step[1]))

    def _ground(self) -> Mesh:
        side = np.concatenate(
            [np.arange(-12, 12, 0.4), np.arange(12, 60.1, 2.0), -np.arange(12.4, 60.1, 2.0)]
        )
        side = np.sort(side)
        x, z = np.meshgrid(side, side, indexing="ij")
        heights = self.height(np.column_stack([x.ravel(), z.ravel()]))
        row, column = (grid.ravel() for grid in np.meshgrid(*[np.arange(len(side) - 1)] * 2, indexing="ij"))
        corner, wide = row * len(side) + column, len(side)
        faces = [
            np.stack([corner, corner + 1, corner + wide], 1),
            np.stack([corner + 1, corner + wide + 1, corner + wide], 1),
        ]
        return np.column_stack([x.ravel(), heights, z.ravel()]), np.concatenate(faces)

    def _walls(self, rng: np.random.Generator) -> list[Mesh]:
        if self.settings.indoors:
            far = self.settings.distance[1]
            wide, deep = rng.uniform(0.8, 1.5) * far, far + rng.uniform(0.3, 2.0)
            back = 0.7 if self.settings.sensor == "depth" else deep
            high = rng.uniform(2.4, 3.5)
            parts = [box((0, -1, deep), (40, high + 2, 0.2)), box((0, -1, -back), (40, high + 2, 0.2))]
            parts += [box((side * wide, -1, 0), (0.2, high + 2, 40)) for side in (-1, 1)]
            return [*parts, box((0, high, 0), (40, 0.2, 40))]
        parts = []
        for _ in range(rng.integers(0, 5)):
            away, bearing = rng.uniform(8, 30), rng.uniform(0, 2 * np.pi)
            long, deep = rng.uniform(6, 30), rng.uniform(0.3, 6.0)
            bumps = [
                box((x, rng.uniform(-0.5, 1.0), -deep / 2), rng.uniform((0.2, 0.3, 0.05), (1.5, 3.0, 0.6)))
                for x in rng.uniform(-long / 2, long / 2, rng.integers(0, 9))
            ]
            if rng.random() < self.settings.glass:
                wall = facade(long, rng)
            else:
                wall = joined([box((0, -1.5, 0), (long, rng.uniform(3.0, 9.0), deep)), *bumps])
            centre = np.array([np.sin(bearing), 0, np.cos(bearing)]) * (away + 3.0)
            parts.append(placed(wall, centre, bearing + rng.normal(0, 0.2)))
        return parts

    def _things(self, rng: np.random.Generator) -> tuple[list[Mesh], list[tuple[np.ndarray, np.ndarray]]]:
        kinds = INDOORS if self.settings.indoors else OUTDOORS
        far = self.settings.distance[1] * 1.3 + 1.0
        near = 0.8 if self.settings.sensor == "depth" else 2.0
        meshes, boxes = [], []
        for _ in range(self.settings.things):
            kind = str(rng.choice(kinds))
            glazed = kind in ("car", "van") and rng.random() < self.settings.glass
            mesh = glass_car(rng) if glazed else make_thing(kind, rng)
            away = np.sqrt(rng.uniform(near**2, far**2))
            bearing = rng.uniform(-1.6, 1.6) * min(self.settings.spread, 2.0)
            spot = away * np.array([np.sin(bearing), np.cos(bearing)])
            mesh = placed(mesh, np.array([spot[0], self.height(spot[None])[0], spot[1]]), rng.uniform(0, 6.3))
            low, high = mesh[0][:, [0, 2]].min(axis=0), mesh[0][:, [0, 2]].max(axis=0)
            if (low < 0.6).all() and (high > -0.6).all():
                continue
            meshes.append(mesh)
            boxes.append((low, high))
        return meshes, boxes

    def _free(self, point: np.ndarray) -> bool:
        clear = all((np.maximum(low - point, point - high).max() > CLEAR) for low, high in self._blocked)
        return clear and bool(np.linalg.norm(point) > 0.8)


def write_scene(scene: Scene, folder: Path) -> Path:
    """Write a recording as a folder of .ply files, ``truth.parquet`` and a note that it is simulated.

    The table has a row for each person in each frame: frame, person, x, y, z of the pelvis in the sensor's
    axes, points, and free_points, the number of points without occlusion.
    """
    rows = []
    for number, seen in enumerate(scene.frames()):
        write_ply(folder / f"{number:06d}.ply", seen.sweep.points, double=True)
        counts = np.bincount(seen.sweep.person, minlength=len(scene.people) + 1)[1:]
        for person, centre in enumerate(seen.centres):
            if np.isfinite(centre).all():
                place = dict(zip("xyz", centre.tolist(), strict=True))
                points = {"points": int(counts[person]), "free_points": int(seen.sweep.free[person])}
                rows.append({"frame": number, "person": person + 1, **place, **points})
    with atomic_path(folder / "truth.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary, compression="zstd")
    write_json(folder / "manifest.json", {"simulated": True, "layout": "scenes", "seed": scene.seed})
    return folder
