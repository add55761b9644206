"""The page as its reader sees it: what it says, what it shows, and that it needs nothing else."""

import base64
import html.parser
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sshmr.config.report import ReportConfig
from sshmr.report.page import write_report
from sshmr.report.pictures import shown_rounds
from sshmr.tables.run_folder import RunFolder
from tests.finished_run import finish
from tests.scripts import call_script

CONFIG = {
    "dataset": "demo",
    "rounds": 1,
    "source": {"kind": "simulated"},
    "fit": {"batch": 64, "note": "a<b"},
}


class Page(html.parser.HTMLParser):
    """Visible text by section, images, and every address the page would fetch."""

    def __init__(self, text):
        super().__init__()
        self.sections, self.images, self.addresses = {"": []}, [], []
        self.styles, self.scripts = [], []
        self._section, self._in = "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "link", "img", "br", "path", "circle", "line", "polygon"):
            self._in.append(tag)
        if tag == "section":
            self._section = attributes["id"]
            self.sections[self._section] = []
        if tag == "img":
            self.images.append(attributes)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_endtag(self, tag):
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self._in:
            self.styles.append(data)
        elif "script" in self._in:
            self.scripts.append(data)
        elif "head" not in self._in:
            self.sections[self._section].append(data)

    def text(self, section):
        return " ".join(" ".join(self.sections[section]).split())


def report(run, config=CONFIG, rounds=None, **settings):
    settings = ReportConfig(**{"picture_height": 120, **settings})
    output = run.results / "report.html"
    folder = RunFolder(run.results)
    folder.describe(settings=config, rounds=rounds)
    write_report(folder, settings, output)
    return Page(output.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(finished_run):
    return finished_run


def test_the_page_shows_the_run(run):
    page = report(run)
    assert "SIMULATED" in page.text("")
    rows = pd.read_parquet(run.results / "measures.parquet")
    for round_, stage in ((0, "fit"), (1, "fit"), (1, "network")):
        of_stage = rows.query(
            "round == @round_ and stage == @stage and joint == 'all' and measure == 'mpjpe'"
        )
        value = of_stage.query("split == 'test' and sequence == 'all'")["value"].item()
        assert f"test {round_} {stage} 3 {value:.1f} " in page.text("measures")
        whole = of_stage.query("split == 'train' and sequence == 'all'")["value"].item()
        spread = np.std(of_stage.query("split == 'train' and sequence != 'all'")["value"], ddof=1)
        assert f"train {round_} {stage} 6 {whole:.1f} ±{spread:.1f}" in page.text("measures")
    knee = rows.query("round == 1 and stage == 'fit' and split == 'test' and sequence == 'all'")
    knee = knee.query("measure == 'mpjpe' and joint == 'left_knee'")["value"].item()
    assert re.search(rf"left knee [\d.]+ [\d.]+ {knee:.1f}", page.text("joints"))
    assert "9 frames in 3 sequences; 3 skipped." in page.text("data")
    assert "too few points train 2" in page.text("data")
    assert "pseudo label" in page.text("training")
    assert "learning rate" not in page.text("training")
    assert "1 fit 1 1 min 15 s 2.0" in page.text("timings")
    overhead = r"on 2 cores\. For \d+ % of the cores' time, no job ran; for \d+ %, Python was"
    assert re.search(overhead, page.text("timings"))
    assert "batch 64" in page.text("settings")
    assert "a<b" in page.text("settings")
    assert {"walk", "wave", "sit"} <= set(page.text("sequences").split())


def test_the_same_frames_are_pictured_in_every_round(run):
    page = report(run)
    assert page.text("frames").count("Truth") == 3
    for caption in ("Round 0, fit", "Round 1, fit", "Round 1, network"):
        assert page.text("frames").count(caption) == 3
    pictures = [base64.b64decode(image["src"].partition("base64,")[2]) for image in page.images]
    assert len(pictures) == 3 * 4
    for picture in pictures:
        image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))
        assert image.shape[0] == 120
        assert 0.03 < (image[..., 3] > 0).mean() < 0.6
    assert len(set(pictures)) == len(pictures)
    assert all(image["alt"] for image in page.images)


def test_frames_run_from_the_best_to_the_worst(run):
    text = report(run).text("frames")
    assert re.search("Best.*Median.*Worst", text)
    errors = [int(error) for error in re.findall(r"Round 1, fit (\d+) mm", text)]
    assert errors == sorted(errors)


def test_the_page_needs_no_network(run):
    page = report(run)
    text = (run.results / "report.html").read_text(encoding="utf-8")
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "fetch(" not in "".join(page.scripts)
    assert "import" not in "".join(page.scripts)
    assert "url(" not in "".join(page.styles)
    assert "@import" not in "".join(page.styles)
    assert len(text) < 6e6


def test_the_page_fits_dark_screens_and_phones(run):
    report(run)
    text = (run.results / "report.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text


def test_links_lead_to_sections(run):
    page = report(run)
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    assert targets == set(page.sections) - {""}


def test_data_without_ground_truth_is_reported_as_such(make_run):
    run = finish(make_run(with_truth=False, rounds=0, simulated=False))
    page = report(run, config={"dataset": "mine", "source": {"kind": "clouds"}})
    assert "SIMULATED" not in page.text("")
    assert "no ground truth" in page.text("")
    assert "MPJPE" not in page.text("measures")
    assert "Chamfer, cloud to mesh" in page.text("measures")
    assert "Chosen by the residual" in page.text("frames")
    assert "Truth" not in page.text("frames")
    assert "joints" not in page.sections
    assert "training" not in page.sections
    assert len(page.images) == 3


def test_doubtful_fits_are_counted(make_run):
    run = make_run(with_truth=False, rounds=0)
    run.write_params(0, "fit", "walk", confidence=np.array([0.9, 0.2, 0.4]))
    page = report(finish(run), config={}, frames=0)
    assert "train walk 3 50 2 " in page.text("sequences")
    assert "train wave 3 – 0 " in page.text("sequences")


def test_measures_of_an_earlier_state_are_still_reported(make_run):
    run = finish(make_run(rounds=0))
    path = run.results / "measures.parquet"
    rows = pd.read_parquet(path)
    rows.replace({"sequence": {"walk": "gone"}}).to_parquet(path)
    assert "train gone 3 – 0 " in report(run, config={}, frames=0).text("sequences")


def test_simulated_clouds_are_recognised_by_their_tables_too(make_run):
    page = report(finish(make_run(rounds=0)), config={}, frames=0)
    assert "SIMULATED" in page.text("")
    assert "frames" not in page.sections


def test_rounds_beyond_the_last_are_left_out(run):
    page = report(run, rounds=0, frames=1)
    assert "network" not in page.text("measures").partition("horizontal")[2]
    assert "Round 1" not in page.text("frames")


def test_pictured_rounds_keep_the_first_and_the_last():
    assert shown_rounds(0, 4) == [0]
    assert shown_rounds(2, 4) == [0, 1, 2]
    assert shown_rounds(50, 4) == [0, 17, 33, 50]


def test_the_script_writes_the_page(run):
    RunFolder(run.results).describe(settings=CONFIG)
    call_script("report", "--run", run.results, "--settings", '{"frames": 1, "picture_height": 120}')
    assert len(Page((run.results / "report.html").read_text(encoding="utf-8")).images) == 4
    assert Image.open(run.results / "strip.png").height > 480


def test_without_a_configuration_the_tables_tell_the_settings(run):
    page = report(run, config={}, frames=0)
    assert "SIMULATED" in page.text("")
    assert "frames" not in page.sections
    assert "versions" in page.text("settings")
    assert "torch" in page.text("settings")


FIGURE = "return window.sshmrFigures && sshmrFigures[0].objects.map((object) => object.name)"


@pytest.fixture
def opened(run, browser):
    """The report in a browser."""
    report(run)

    def open_page(**screen):
        browser.open((run.results / "report.html").as_uri(), **screen)
        browser.wait(FIGURE)
        return browser

    return open_page


def test_figures_turn_and_show_what_is_chosen(opened):
    browser = opened()
    assert browser.ask("return sshmrFigures.length") == 3
    assert browser.ask(FIGURE) == ["mesh 3", "cloud"]
    seen = [_picture(browser)]
    assert 0.02 < seen[0][0] < 0.6
    browser.drag(".turning canvas", 90, 0)
    seen.append(_picture(browser))
    browser.click('.tile[data-caption="Round 0, fit"]')
    assert browser.ask(FIGURE) == ["mesh 1", "cloud"]
    seen.append(_picture(browser))
    browser.click('.turning [data-key="errors"]')
    seen.append(_picture(browser))
    browser.click('.turning [data-key="truth"]')
    assert browser.ask(FIGURE) == ["mesh 1", "cloud", "truth"]
    seen.append(_picture(browser))
    assert len({total for _, total in seen}) == len(seen)
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.mark.parametrize("screen", [{"width": 1200}, {"width": 390, "height": 800, "dark": True}])
def test_nothing_sticks_out(opened, screen):
    browser = opened(**screen)
    assert browser.sideways() == 0
    inside = "return [...document.querySelectorAll('.wide')].map((box) => box.scrollWidth - box.clientWidth);"
    assert max(browser.ask(inside)) <= 0
    assert browser.complaints() == []


def _picture(browser):
    browser.wait("return !sshmrFigures[0].waiting")
    return browser.painted(".turning canvas")
