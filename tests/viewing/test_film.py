"""Pictures and films as a user opens them."""

import av
import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from sshmr.cli.render import render
from sshmr.errors import InputError
from sshmr.viewing.film import Panel, _with_captions, default_panels, parse_panel, pictures
from sshmr.viewing.frames import Run


@pytest.fixture(scope="module")
def run(make_run):
    return Run(make_run(rounds=1).results)


def command(run, *arguments):
    """Run the command as the command line would."""
    app = Typer()
    app.command()(render)
    return CliRunner().invoke(app, [str(run.results), *map(str, arguments)], catch_exceptions=False)


def cover(picture):
    """Share of pixels with something on them."""
    return (np.asarray(picture)[..., 3] > 0).mean()


def test_a_picture_shows_cloud_bootstrap_and_last_round(run, tmp_path):
    path = tmp_path / "strip.png"
    assert command(run, path, "--height", 120).exit_code == 0
    picture = np.asarray(Image.open(path))
    assert default_panels(run) == [Panel("cloud"), Panel("fit", 0), Panel("fit", 1)]
    width = picture.shape[1] // 3
    cloud, bootstrap, last = (cover(picture[20:120, i * width : (i + 1) * width]) for i in range(3))
    assert 0 < cloud < bootstrap
    assert last > 0.05


def test_films_have_a_frame_for_each_cloud(run, tmp_path):
    for name in ("sit.gif", "sit.webp"):
        assert command(run, tmp_path / name, "--panel", "1", "--height", 80).exit_code == 0
        with Image.open(tmp_path / name) as film:
            assert film.n_frames == 3
            film.load()
            assert film.info["duration"] == 100
    options = ("--panel", "1:network", "--panel", "truth", "--height", 81, "--colour", "error")
    assert command(run, tmp_path / "sit.mp4", *options, "--fps", 5).exit_code == 0
    with av.open(str(tmp_path / "sit.mp4")) as film:
        stream = film.streams.video[0]
        assert stream.average_rate == 5
        shots = [shot.to_ndarray(format="rgb24") for shot in film.decode(stream)]
    assert len(shots) == 3
    assert all(np.ptp(shot) > 150 for shot in shots)
    assert not np.array_equal(shots[0], shots[2])


def test_colours_say_what_they_are_asked_to(run):
    """The plain body is clay; places on it, and errors, have colours."""
    sequence = run.sequence("walk")
    shots = {
        colour: next(pictures(run, sequence, [0], [Panel("fit", 0)], colour, 100))
        for colour in ("plain", "correspondence", "error")
    }
    spread = {
        name: np.ptp(shot[shot[..., 3] > 0][:, :3].astype(int), axis=1).mean() for name, shot in shots.items()
    }
    assert spread["plain"] < spread["correspondence"]
    assert spread["plain"] < spread["error"]


def test_what_stands_above_a_narrow_picture_is_not_cut():
    slim = np.zeros((300, 40, 4), np.uint8)
    shown = _with_captions([slim], ["fit"], "simulated · by correspondence")
    assert (shown[:30, :, 3] > 0).any()
    assert not shown[:, -3:, 3].any()


def test_an_unsure_body_is_red_and_a_sure_one_blue(make_run):
    made = make_run(rounds=0)
    made.write_params(0, "fit", "sit", confidence=[0.02, 0.98, 0.5])
    run = Run(made.results)
    shots = pictures(run, run.sequence("sit"), [0, 1], [Panel("fit", 0)], "confidence", 100)
    unsure, sure = (shot[shot[..., 3] == 255][:, :3].mean(axis=0) for shot in shots)
    assert unsure[0] > 2 * unsure[2]
    assert sure[2] > 2 * sure[0]


def test_a_camera_follows_who_walks_and_keeps_its_size(run):
    shots = list(pictures(run, run.sequence("sit"), [0, 1, 2], [Panel("fit", 1)], height=90))
    assert len({shot.shape for shot in shots}) == 1
    for shot in shots:
        edge = np.concatenate([shot[20:90, 0], shot[20:90, -1]])
        assert edge[:, 3].max() == 0


def test_panels_are_named_as_the_run_knows_them(run):
    assert parse_panel("1:network", run) == Panel("network", 1)
    assert [parse_panel(text, run).caption for text in ("cloud", "truth", "0", "1", "1:network")] == [
        "Cloud", "Truth", "Bootstrap", "Round 1", "Round 1, network",
    ]  # fmt: skip
    for text in ("2", "0:network", "clouds", "-1"):
        with pytest.raises(InputError, match="one of cloud, truth, 0, 1:network, 1"):
            parse_panel(text, run)


def test_what_cannot_be_drawn_is_said(run, make_run, tmp_path):
    with pytest.raises(InputError, match=r'ending is "\.avi"'):
        command(run, tmp_path / "a.avi")
    with pytest.raises(InputError, match="one of plain, correspondence"):
        command(run, tmp_path / "a.png", "--colour", "red")
    without = Run(make_run(with_truth=False, rounds=0).results)
    with pytest.raises(InputError, match="no ground truth"):
        command(without, tmp_path / "a.gif", "--panel", "truth")
    assert not list(tmp_path.iterdir())
