"""The viewer as its user meets it, in a real browser, and what it says of a frame."""

import contextlib
import dataclasses
import http.client
import json
import shutil
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshmr.body.layout import JOINT_NAMES
from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import to_json
from sshmr.errors import InputError
from sshmr.people.write import write_ply
from sshmr.tables.run_folder import SKIPPED
from sshmr.tables.schemas import provenance
from sshmr.viewing.frames import Run
from sshmr.viewing.serve import ShownRun, make_server, packed_frame

from .test_payload import unpack

READY = "return window.sshmrView && sshmrView.figure.objects.map((object) => object.name)"


@pytest.fixture(scope="module")
def made(make_run):
    return make_run(rounds=1)


@pytest.fixture(scope="module")
def run(made):
    return Run(made.results)


@pytest.fixture(scope="module")
def address(run):
    with serving(ShownRun(run.results)) as address:
        yield address


@contextlib.contextmanager
def serving(shown):
    server = make_server(shown, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("elsewhere.org", 403), ("", 403)])
def test_pages_of_other_sites_do_not_read_the_run(address, host, status):
    """A site's name can be made to lead to this machine; its pages then send that name."""
    connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"))
    for path in ("/", "/run", "/frame?sequence=0&row=0&round=0&stage=fit"):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_a_run_knows_its_sequences_and_rounds(run):
    assert [sequence.name for sequence in run.sequences] == ["walk", "wave", "sit"]
    assert [sequence.frames for sequence in run.sequences] == [3, 3, 3]
    assert run.stages == [(0, "fit"), (1, "network"), (1, "fit")]
    assert run.simulated


def test_a_frame_holds_the_body_that_was_found_and_the_true_one(made, run):
    sit = run.sequence("sit")
    frame = run.frame(sit, 1, 1, "fit")
    truth = made.truth["sit"]
    posed = made.bodies["female"](*(_row(truth[name], 1) for name in ("pose", "betas", "transl")))
    np.testing.assert_allclose(frame.truth, posed.vertices[0], atol=1e-5)
    np.testing.assert_allclose(frame.errors, np.linalg.norm(frame.vertices - frame.truth, axis=1), atol=1e-6)
    assert 0.005 < frame.mpjpe < 0.2
    # The points were taken from the true mesh, which is off the one found by less than its worst vertex.
    assert frame.distances.max() < frame.errors.max()
    back = frame.cloud + frame.offset
    np.testing.assert_allclose(back.mean(0), frame.offset, atol=1e-5)
    assert frame.weights is None


def test_labels_name_the_vertices_of_training_frames(made, run):
    frame = run.frame(run.sequence("walk"), 0, 1, "fit")
    assert frame.weights.min() == 1
    assert set(frame.vertex_of_point) <= set(made.template.vertex_ids.tolist())
    named = frame.truth[frame.vertex_of_point]
    assert np.linalg.norm(named - frame.cloud, axis=1).max() < 0.12


def test_skin_without_points_is_distinguished(run):
    frame = run.frame(run.sequence("walk"), 0, 1, "network")
    assert frame.shown is None
    legs = [name.endswith(("_knee", "_ankle", "_foot")) for name in JOINT_NAMES]
    shown = run._shown(1 - np.array(legs, np.int8))
    lowest, highest = frame.vertices[:, 1].argmin(), frame.vertices[:, 1].argmax()
    assert shown[lowest] == pytest.approx(0, abs=0.01)
    assert shown[highest] == pytest.approx(1)
    _, arrays, _ = unpack(packed_frame(dataclasses.replace(frame, shown=shown), run.faces))
    assert (arrays["shown"][lowest], arrays["shown"][highest]) == (0, 255)


def _row(array, row):
    import torch

    return torch.as_tensor(np.asarray(array)[row : row + 1])


def test_frames_are_found_by_the_sources_number(run):
    assert run.row_of(run.sequence("sit"), 2) == 2
    with pytest.raises(InputError, match="frame 7 of sit is missing"):
        run.row_of(run.sequence("sit"), 7)
    with pytest.raises(InputError, match="walk, wave, sit"):
        run.sequence("stand")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputError, match="no points tables"):
        Run(tmp_path)


def test_files_that_are_being_written_are_not_results(make_run):
    made = make_run(rounds=0)
    for place in ("points/test/.sit.parquet.7.tmp.parquet", "round_1/fit/test/.sit.parquet.7.tmp.parquet"):
        (made.results / place).parent.mkdir(parents=True, exist_ok=True)
        (made.results / place).write_bytes(b"half")
    run = Run(made.results)
    assert run.stages == [(0, "fit")]
    assert len(run.sequences) == 3


def test_a_run_without_ground_truth_opens(make_run):
    frame_of = Run(make_run(with_truth=False, rounds=0).results)
    frame = frame_of.frame(frame_of.sequence("sit"), 0, 0, "fit")
    assert frame.truth is None
    assert np.isnan(frame.mpjpe)
    assert frame.residual == np.median(frame.distances)


def test_the_page_shows_mesh_and_cloud(browser, address):
    browser.open(address)
    assert browser.wait(READY) == ["mesh demo/sit/0/0", "cloud demo/sit/0/0"]
    covered, first = browser.painted("#canvas")
    assert 0.02 < covered < 0.6
    assert browser.ask("return !document.getElementById('banner').hidden")
    browser.ask("""
        const slider = document.getElementById("frame");
        slider.value = 2;
        slider.dispatchEvent(new Event("input"));
    """)
    assert browser.wait(f"return ({READY[7:]})[0] === 'mesh demo/sit/2/0'")
    browser.wait("return document.getElementById('facts').textContent.startsWith('demo/sit/2/0')")
    assert _settled(browser)[1] != first
    assert browser.complaints() == []
    assert all(request.startswith(address) for request in browser.requests())


def test_every_choice_changes_the_picture(browser, address):
    browser.open(address)
    browser.wait(READY)
    seen = [_settled(browser)[1]]
    for row, key in (
        ("colours", "correspondence"), ("colours", "error"), ("stages", "0"), ("shown", "truth"),
        ("shown", "cloud"), ("colours", "plain"),
    ):  # fmt: skip
        browser.click(f'#{row} [data-key="{key}"]')
        seen.append(_settled(browser)[1])
        assert seen[-1] != seen[-2], key
    assert browser.ask(READY) == ["mesh demo/sit/0/0", "truth demo/sit/0/0"]
    assert browser.complaints() == []


def test_people_stand_where_their_source_saw_them(browser, address, run):
    browser.open(address)
    browser.wait(READY)
    browser.click('#sequences input[value="0"]')
    browser.wait(f"return ({READY[7:]}).length === 4")
    browser.click('#places [data-key="source"]')
    browser.wait(f"return ({READY[7:]}).length === 5")
    offsets = browser.ask("return sshmrView.figure.objects.map((object) => object.offset)")
    expected = [run.frame(run.sequence(name), 0, 1, "fit").offset for name in ("walk", "sit")]
    np.testing.assert_allclose(offsets[0], expected[0])
    np.testing.assert_allclose(offsets[3], expected[1])
    assert browser.complaints() == []


def test_all_people_are_in_the_picture_whatever_is_pressed_next(browser, address):
    browser.open(address)
    browser.wait(READY)
    browser.ask("""
        document.querySelector('#sequences input[value="0"]').click();
        document.querySelector('#sequences input[value="1"]').click();
        document.querySelector('#colours [data-key="error"]').click();
    """)
    browser.wait(f"return ({READY[7:]}).length === 6")
    assert _settled(browser)[0] > 0.02
    edge = """
        const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
        const {width, height} = canvas;
        return [[0, 0, 1, height], [width - 1, 0, 1, height], [0, 0, width, 1], [0, height - 1, width, 1]]
            .map((side) => Math.max(...pen.getImageData(...side).data));
    """
    assert browser.ask(edge) == [0, 0, 0, 0]


def test_people_found_in_a_scene_stand_among_its_points(browser, make_run, tmp_path):
    made = make_run(rounds=0)
    write_ply(tmp_path / "hall.ply", np.random.default_rng(0).uniform(-3, 3, (500, 3)))
    for path in sorted((made.results / "points").rglob("*.parquet")):
        if path.name.endswith(SKIPPED):
            continue
        table = pq.read_table(path)
        table = table.set_column(
            table.column_names.index("source"), "source", pa.array(["hall.ply"] * len(table))
        )
        scene = {"recording": "hall", "root": str(tmp_path), "up": "y", "unit": "m"}
        scenes = {name: scene for name in set(table["sequence"].to_pylist())}
        about = provenance(path) | {"scenes": scenes, "settings": to_json(ExtractConfig())}
        pq.write_table(table.replace_schema_metadata({b"sshmr": json.dumps(about).encode()}), path)
    with serving(ShownRun(made.results)) as address:
        browser.open(address)
        names = browser.wait(READY)
        assert sum(name.startswith("mesh") for name in names) == 3
        assert "scene" in names
        assert browser.complaints() == []


def test_a_sequence_plays(browser, address):
    browser.open(address)
    browser.wait(READY)
    browser.click("#play")
    browser.wait("return sshmrView.state.row === 2")
    browser.wait("return sshmrView.state.row === 0")
    browser.click("#play")
    assert not browser.ask("return sshmrView.state.playing")


def test_new_frames_are_shown_as_they_are_written(browser, made, tmp_path):
    """A reader of the last frame stays at the end; one of another frame stays there."""
    folder = tmp_path / "demo"
    shutil.copytree(made.results, folder)
    for stage in ("round_1", "points/test", "round_0/fit/test"):
        shutil.rmtree(folder / stage)
    whole = {stage: folder / stage / "train" / "walk.parquet" for stage in ("points", "round_0/fit")}
    tables = {stage: pq.read_table(path) for stage, path in whole.items()}

    def write(stage, name, rows):
        pq.write_table(tables[stage].take(rows), folder / stage / "train" / f"{name}.parquet")

    for stage, path in whole.items():
        path.unlink()
        write(stage, "a", [0])
    write("points", "b", [1])
    with serving(ShownRun(folder, follow=True)) as address:
        browser.open(address)
        assert browser.wait(READY)[0] == "mesh demo/walk/0/0"
        assert browser.ask("return document.getElementById('number').textContent") == "1 / 1"
        write("round_0/fit", "b", [1])
        browser.wait(f"return ({READY[7:]})[0] === 'mesh demo/walk/1/0'")
        browser.ask("document.getElementById('frame').value = 0; document.getElementById('frame').oninput()")
        for stage in whole:
            write(stage, "c", [2])
        browser.wait("return document.getElementById('number').textContent === '1 / 3'")
        assert browser.ask(READY)[0] == "mesh demo/walk/0/0"
        assert browser.complaints() == []


def test_dragging_turns_the_figure(browser, address):
    browser.open(address)
    browser.wait(READY)
    first = _settled(browser)[1]
    browser.drag("#canvas", 120, 0)
    assert _settled(browser)[1] != first


def test_the_page_fits_a_phone(browser, address):
    browser.open(address, width=390, height=800, dark=True)
    browser.wait(READY)
    assert browser.sideways() == 0
    assert browser.painted("#canvas")[0] > 0.02


def _settled(browser):
    """The canvas once what was asked for is drawn."""
    browser.wait("return !sshmrView.busy()")
    return browser.painted("#canvas")


def test_sequences_are_distinguished_wherever_their_frames_lie(tmp_path, made):
    """A table that holds two sequences, and a sequence that lies in two tables, out of order."""
    folder = tmp_path / "demo"
    shutil.copytree(made.results, folder)
    for stage in ("points", "round_0/fit", "round_1/fit", "round_1/infer"):
        walk, wave = (
            pq.read_table(folder / stage / "train" / f"{name}.parquet") for name in ("walk", "wave")
        )
        for name in ("walk", "wave"):
            (folder / stage / "train" / f"{name}.parquet").unlink()
        pq.write_table(pa.concat_tables([wave, walk.slice(2)]), folder / stage / "train" / "a.parquet")
        pq.write_table(walk.slice(0, 2), folder / stage / "train" / "b.parquet")
    mixed, plain = Run(folder), Run(made.results)
    assert [(s.name, s.frames) for s in mixed.sequences] == [("wave", 3), ("walk", 3), ("sit", 3)]
    for name in ("walk", "wave"):
        for row in range(3):
            found, expected = (run.frame(run.sequence(name), row, 1, "fit") for run in (mixed, plain))
            assert found.frame_id == expected.frame_id
            np.testing.assert_array_equal(found.cloud, expected.cloud)
            np.testing.assert_allclose(found.vertices, expected.vertices, atol=1e-6)
        found, expected = (run.params(run.sequence(name), 1, "network")["pose"] for run in (mixed, plain))
        np.testing.assert_array_equal(found, expected)
