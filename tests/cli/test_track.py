import json

import numpy as np
import pandas as pd
import pytest

from sshmr.formats.points import read_points
from sshmr.local import tracks
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import read_params

from .conftest import call, call_json


@pytest.fixture(scope="module")
def recording(people, tmp_path_factory):
    """A person who is pushed along x, 3 cm a frame."""
    folder = tmp_path_factory.mktemp("recording") / "push"
    folder.mkdir()
    points = read_points(next(people.rglob("*.ply")))
    for frame in range(7):
        np.save(folder / f"{frame:03d}.npy", points + np.array([0.03 * frame, 0, 0]))
    return folder


@pytest.fixture(scope="module")
def settings(quick, tmp_path_factory):
    path = tmp_path_factory.mktemp("settings") / "track.yaml"
    path.write_text(quick.read_text() + "train: {initial: none}\n")
    return path


def places(out):
    """Where the bodies are along x, frame by frame."""
    table = pd.read_parquet(out / "meshes" / "bodies.parquet").sort_values("frame")
    return np.stack(table["transl"])[:, 0]


def test_a_recording_is_followed_in_parts_and_continued(recording, settings, tmp_path, monkeypatch):
    """A kill leaves whole parts: with the last of each kind missing, the rest is kept."""
    monkeypatch.setattr(tracks, "FRAMES", 3)
    command = ("track", recording, "-o", tmp_path, "--config", settings, "--jobs", 1)
    result = call_json(*command)
    assert (result["done"], result["stage"]) == (7, [1, "fit"])
    np.testing.assert_allclose(np.diff(places(tmp_path)), 0.03, atol=0.01)
    followed = sorted(tmp_path.glob("round_0/fit/train/*.parquet"))
    smooth = sorted(tmp_path.glob("round_1/fit/train/*.parquet"))
    assert len(followed) == len(smooth) == 3
    assert "followed" in read_params(followed[1])["hypothesis"]
    before = followed[1].read_bytes()
    kept = followed[0].stat().st_mtime_ns
    for path in (*followed[1:], *smooth[1:]):
        path.unlink()
    assert call_json(*command)["done_before"] == 7
    assert followed[1].read_bytes() == before
    assert followed[0].stat().st_mtime_ns == kept
    assert all(path.exists() for path in smooth)


def test_options_without_use_in_live_mode_are_refused(tmp_path):
    call("track", "-", "-o", tmp_path, "-f", "glb", "--jobs", 2, stdin="", code=2)
    assert "--format, --jobs" in call.stderr


def test_paths_on_standard_input_give_a_line_each_at_once(recording, settings, tmp_path):
    files = [*sorted(recording.glob("*.npy"))[:4], recording / "missing.npy"]
    out = call("track", "-", "-o", tmp_path, "--config", settings, stdin="\n".join(map(str, files)))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line.get("frame") for line in lines] == [0, 1, 2, 3, None]
    assert "skipped" in lines[4]
    np.testing.assert_allclose(np.diff([line["transl"][0] for line in lines[:4]]), 0.03, atol=0.015)
    assert len(lines[0]["joints"]) == 24
    run = RunFolder(tmp_path)
    assert run.last_stage() == (1, "fit")
    assert len(read_params(run.params(run.points()[0], 1, "fit"))["frame_id"]) == 4


def test_a_folder_of_single_fits_is_not_continued(recording, settings, tmp_path):
    first = sorted(recording.glob("*.npy"))[0]
    call("fit", first, "-o", tmp_path, "--config", settings, "--jobs", 1)
    assert not call("track", first, "-o", tmp_path, "--config", settings, code=2)
