"""Read SURREAL: rendered people whose depth, parts and bodies are known, in clips of MATLAB files."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from sshmr.body.model import BodyModel
from sshmr.config.extract import ExtractConfig
from sshmr.errors import InputError
from sshmr.formats.matfile import MatFile
from sshmr.sources.cleaning import clean_person
from sshmr.sources.frames import Frame, Reading, Truth, frame_id
from sshmr.sources.manifest import Maker, maker_of
from sshmr.sources.sampling import subsample
from sshmr.sources.surreal.camera import WORLD_TO_Y_UP, camera_to_world, person_points
from sshmr.sources.surreal.clips import Clip, all_clips, clips_of_shard
from sshmr.sources.surreal.info import GENDER_OF_CODE, ClipInfo, read_info
from sshmr.sources.surreal.truth import place_truth, settle, settle_by_joints
from sshmr.sources.truth import BodyLoader, truth_body


class _Seen(NamedTuple):
    """The points of a clip's images: row → (K, 3) points in SURREAL's world, and the (K,) part of each."""

    clip: Clip
    info: ClipInfo
    points: dict[int, np.ndarray]
    parts: dict[int, np.ndarray]


def read_sequence(
    root: str | Path,
    shard: str,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader,
    threads: int = 1,
    files: Sequence[tuple[str, Path]] = (),
) -> Reading:
    """Read the clips of one shard.

    Args:
        root: the folder that holds ``cmu``; shard: one that ``surreal_shards`` names.
        split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        threads: unused, a shard is small.
        files: the shard's clips, (name, stem) each; without them, they are searched for.

    Returns:
        A ``Reading``, y up, not mirrored. The sequence of a frame is its clip.

    Raises:
        InputError: when there is no such shard, or no clip's annotation fits its points.
    """
    return _ShardReader(root, shard, split, settings, load_body, files).read()


class _ShardReader:
    """Reads one shard."""

    def __init__(
        self,
        root: str | Path,
        shard: str,
        split: str,
        settings: ExtractConfig,
        load_body: BodyLoader,
        files: Sequence[tuple[str, Path]],
    ) -> None:
        maker = maker_of(root)
        self.root, self.settings = root, settings
        self.reading = Reading(shard, simulated=maker is not None)
        own = settings.surreal
        # A simulated data set is one shard. All of its clips are used.
        if files:
            self.clips = [Clip(*file) for file in files]
        elif maker:
            self.clips = all_clips(root, split)
        else:
            self.clips = clips_of_shard(root, shard, split, settings)
        self.most = own.train_frames if split == "train" else own.test_frames
        self.body_model = maker.body_model if maker else "smpl"
        self.bodies = self._bodies(load_body, maker)
        self.settled: Counter[str] = Counter()
        self.unfit: list[tuple[_Seen, str]] = []

    def read(self) -> Reading:
        for clip in self.clips:
            seen = self._see(clip)
            if seen is None or not seen.points:
                continue
            try:
                self._add_frames(seen, *self._settle(seen))
            except ValueError as error:
                self.unfit.append((seen, str(error)))
        self._add_unfit()
        self.reading.notes += [
            f"reading {name}: {count} clips" for name, count in sorted(self.settled.items())
        ]
        return self.reading

    def _add_unfit(self) -> None:
        """Clips with an invalid annotation keep their frames, without ground truth.

        All clips of a download are mirrored in the same way, so the other clips of the shard decide.

        Raises:
            InputError: when no clip decides: people might then be mirrored.
        """
        if not self.unfit:
            return
        first, reason = self.unfit[0]
        if not self.settled:
            raise InputError(
                f"{self.root}/{self.reading.sequence}",
                found=f"the annotation of none of {len(self.unfit)} clips fits: {first.clip.name}: {reason}",
                fix="Check that depth and info are of one download, and that body names SMPL's own files",
            )
        name = self.settled.most_common(1)[0][0]
        for seen, _ in self.unfit:
            self._add_frames(seen, self._upright(seen, name), {})
        order = {clip.name: place for place, clip in enumerate(self.clips)}
        self.reading.frames.sort(key=lambda frame: (order[frame.sequence], frame.frame))
        self.reading.notes.append(
            f"{len(self.unfit)} clips without ground truth, rotated like the others: "
            f"{first.clip.name}: {reason}"
        )

    def _upright(self, seen: _Seen, name: str) -> dict[int, np.ndarray]:
        """A clip's points with y up, by row, for a reading of its world."""
        return {row: points @ WORLD_TO_Y_UP[name].T for row, points in seen.points.items()}

    def _bodies(self, load_body: BodyLoader, maker: Maker | None) -> dict[str, BodyModel]:
        """Gender → the body that the ground truth is for; a simulated data set has only one gender."""
        asked = Reading("")
        found = {gender: truth_body(gender, load_body, maker, asked) for gender in GENDER_OF_CODE.values()}
        bodies = {gender: body for gender, body in found.items() if body is not None}
        if len(bodies) == len(GENDER_OF_CODE) or (maker and bodies):
            return bodies
        self.reading.notes.append(asked.notes[0])
        return {}

    def _see(self, clip: Clip) -> _Seen | None:
        """Read a clip's files. Unusable ones are listed as skipped."""
        try:
            seen = _Seen(clip, read_info(clip.file("info")), {}, {})
            depth, parts = MatFile(clip.file("depth")), MatFile(clip.file("segm"))
        except InputError as error:
            self._skip(clip, 0, str(error))
            return None
        for row in range(min(self.most or len(seen.info), len(seen.info))):
            number = row + 1
            try:
                points, shown = person_points(depth.read(f"depth_{number}"), parts.read(f"segm_{number}"))
                count, least = len(np.unique(shown)), self.settings.surreal.minimum_parts
                if count < least:
                    raise ValueError(f"it shows {count} parts of the body, fewer than {least}")
            except ValueError as error:
                self._skip(clip, number, str(error))
                continue
            seen.points[row] = camera_to_world(points, seen.info.camera)
            seen.parts[row] = shown
        return seen

    def _settle(self, seen: _Seen) -> tuple[dict[int, np.ndarray], dict[int, Truth]]:
        """The clip's points with y up, by row, and the true bodies that fit them.

        Raises:
            ValueError: with the reason, when the reading of the world is not certain.
        """
        bodies, fit = self.bodies, None
        if bodies:
            stated = seen.info.gender
            if self.settings.surreal.gender == "stated" and stated in bodies:
                bodies = {stated: bodies[stated]}
            fit = settle(seen.info, seen.points, bodies)
        name = fit.reading if fit else settle_by_joints(seen.info, seen.points)
        upright = self._upright(seen, name)
        self.settled[name] += 1
        truth = place_truth(seen.info, upright, fit, bodies[fit.gender], self.body_model) if fit else {}
        return upright, truth

    def _add_frames(self, seen: _Seen, upright: dict[int, np.ndarray], truth: dict[int, Truth]) -> None:
        for row, points in upright.items():
            name = self._frame_id(seen.clip, row + 1)
            try:
                kept = clean_person(points, self.settings)
            except ValueError as error:
                self._skip(seen.clip, row + 1, str(error))
                continue
            kept = subsample(kept, self.settings.points, self.settings.sampling, name)
            frame = Frame(
                name,
                row + 1,
                kept,
                self._source(seen.clip),
                truth.get(row),
                sequence=seen.clip.name,
                parts=seen.parts[row][cKDTree(points).query(kept)[1]],
            )
            self.reading.frames.append(frame)

    def _skip(self, clip: Clip, number: int, reason: str) -> None:
        """List a frame, or under number 0 a clip that cannot be read at all."""
        self.reading.skip(self._frame_id(clip, number), self._source(clip), reason)

    def _frame_id(self, clip: Clip, number: int) -> str:
        return frame_id("simulated" if self.reading.simulated else "surreal", clip.name, number)

    def _source(self, clip: Clip) -> str:
        path = clip.file("depth").relative_to(self.root).as_posix()
        return f"simulated: {path}" if self.reading.simulated else path
