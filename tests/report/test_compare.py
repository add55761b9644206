"""The page that compares two runs: its numbers, and that a browser shows it."""

import shutil

import numpy as np
import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from sshmr.cli.report import report
from sshmr.errors import InputError
from sshmr.evaluation.tables import read_measures, write_measures
from sshmr.report.compare import paired, write_comparison
from tests.finished_run import finish
from tests.report.test_page import Page


@pytest.fixture(scope="module")
def runs(finished_run, tmp_path_factory):
    """A run with one round, and one whose errors after the bootstrap are 10 mm larger."""
    first, second = finished_run.results, tmp_path_factory.mktemp("other") / "demo"
    shutil.copytree(first, second)
    rows = read_measures(second / "measures.parquet")
    rows.loc[rows["measure"].isin(["mpjpe", "pseudo_label_agreement"]) & (rows["round"] == 0), "value"] += 10
    write_measures(second / "measures.parquet", rows)
    return first, second


def command(*arguments):
    app = Typer()
    app.command()(report)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_values_and_changes_stand_side_by_side(runs, tmp_path):
    output = tmp_path / "comparison.html"
    assert command(*runs, "-o", output).exit_code == 0
    page = Page(output.read_text(encoding="utf-8"))
    first, second = (read_measures(run / "measures.parquet") for run in runs)
    query = "round == 0 and split == 'test' and sequence == 'all' and joint == 'all' and measure == 'mpjpe'"
    a, b = first.query(query)["value"].item(), second.query(query)["value"].item()
    assert f"test 0 fit {a:.1f} → {b:.1f} +10.0" in page.text("rounds")
    assert "SIMULATED" in page.text("")
    assert "The settings in their tables are the same" in page.text("settings")
    assert "fit 2 min 30 s 2 min 30 s" in page.text("timings")
    assert all(address.startswith(("data:", "#")) for address in page.addresses)


def test_a_difference_counts_when_it_holds_over_sequences():
    index = pd.MultiIndex.from_product([["test"], [f"s{i}" for i in range(12)]], names=["split", "sequence"])
    rng = np.random.default_rng(0)
    first = pd.DataFrame(
        {"mpjpe": rng.uniform(20, 60, 12), "pa_mpjpe": 30.0, "pseudo_label_agreement": 50.0}, index
    )
    second = first + pd.DataFrame(
        {"mpjpe": rng.normal(-5, 1, 12), "pa_mpjpe": rng.normal(0, 5, 12), "pseudo_label_agreement": 3.0},
        index,
    )
    lines = {line["title"]: line for line in paired(first, second.iloc[:-2])}
    assert {line["sequences"] for line in lines.values()} == {10}
    assert lines["MPJPE"]["verdict"] == "second"
    assert lines["MPJPE"]["wins"] == 10
    assert float(lines["MPJPE"]["low"]) < -5 < float(lines["MPJPE"]["high"]) < 0
    assert lines["PA-MPJPE"]["verdict"] == ""
    assert lines["Pseudo label agreement"]["verdict"] == "second"
    backwards = {line["title"]: line["verdict"] for line in paired(second, first)}
    assert backwards["MPJPE"] == backwards["Pseudo label agreement"] == "first"


def test_runs_with_nothing_in_common_are_reported(runs, make_run, tmp_path):
    other = finish(make_run(with_truth=False, rounds=0)).results
    rows = read_measures(other / "measures.parquet")
    write_measures(other / "measures.parquet", rows.assign(split="val"))
    with pytest.raises(InputError, match="no measure"):
        write_comparison(runs[0], other, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_run_that_was_not_measured_gets_the_command_that_measures_it(make_run, runs, tmp_path):
    unmeasured = make_run(rounds=0).results
    for arguments in ([unmeasured], [runs[0], unmeasured]):
        with pytest.raises(InputError, match="Evaluate the run first"):
            command(*arguments, "-o", tmp_path / "page.html")


def test_one_run_gets_its_own_page(runs, tmp_path):
    assert command(runs[0], "-o", tmp_path / "page.html").exit_code == 0
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "test 1 fit 3" in page.text("measures")


@pytest.mark.parametrize("screen", [{"width": 1200}, {"width": 390, "height": 800, "dark": True}])
def test_the_page_fits_its_screen(runs, tmp_path, browser, screen):
    write_comparison(*runs, tmp_path / "page.html")
    browser.open((tmp_path / "page.html").as_uri(), **screen)
    assert browser.sideways() == 0
    inside = "return [...document.querySelectorAll('.wide')].map((box) => box.scrollWidth - box.clientWidth);"
    assert max(browser.ask(inside)) <= 0
    assert browser.complaints() == []
    assert browser.requests() == []
