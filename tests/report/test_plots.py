"""Plots as their reader sees them: where lines run, which numbers stand beside them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from sshmr.report.plots import LABEL_GAP, Line, band, line_plot, shown


def drawn(*lines, **options):
    return ET.fromstring(line_plot("Error <mm>", "mm", list(lines), **options))


def of_class(svg, tag, name):
    return [element for element in svg.iter(tag) if name in element.get("class", "").split()]


def line(values, style="fit", **options):
    return Line(f"{style}, round", style, np.arange(len(values)), np.array(values, float), **options)


def places(path):
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get("d"))]


def test_places_follow_values_and_the_axis_starts_at_zero():
    svg = drawn(line([100, 50, 25]))
    (x0, y0), (x1, y1), (x2, y2) = places(of_class(svg, "path", "fit")[0])
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert (y2 - y1) / (y1 - y0) == pytest.approx(0.5, abs=0.02)
    levels = [float(tick.get("y1")) for tick in of_class(svg, "line", "grid")]
    assert max(levels) - y2 == pytest.approx(y2 - y1, abs=0.3)


def test_the_last_values_are_written_and_do_not_touch():
    svg = drawn(line([80, 61.2]), line([90, 61.0], "network"), line([70, 61.1], "fit faint", labelled=False))
    ends = of_class(svg, "text", "end")
    assert {end.text for end in ends} == {"61.2", "61.0"}
    first, second = (float(end.get("y")) for end in ends)
    assert abs(first - second) >= LABEL_GAP - 0.2


def test_gaps_single_values_and_constants_can_be_drawn():
    assert len(places(of_class(drawn(line([3, np.nan, 5])), "path", "fit")[0])) == 2
    for values in ([7.0], [0.0, 0.0], [100, 100, 100], [np.nan, np.nan]):
        text = ET.tostring(drawn(line(values)), encoding="unicode")
        assert "nan" not in text


def test_no_share_reaches_beyond_the_whole_nor_a_length_below_nothing():
    value, spread = np.array([99.6, 1.0]), np.array([1.4, 2.0])
    np.testing.assert_allclose(band(value, spread, "%"), [[98.2, 0], [100, 3]])
    np.testing.assert_allclose(band(value, spread, "mm"), [[98.2, 0], [101, 3]])
    assert "150" not in {text.text for text in of_class(drawn(line([99.0, 100.0])), "text", "tick")}


def test_rounds_are_whole_numbers_even_when_there_are_many():
    ticks = [text.text for text in of_class(drawn(line(np.linspace(90, 40, 51))), "text", "tick")]
    assert {"0", "49"} <= set(ticks) or {"0", "42"} <= set(ticks)
    assert not any("." in tick for tick in ticks)


def test_numbers_keep_three_digits_that_count():
    assert [shown(value) for value in (123.4, 12.34, 1.234, 0.01234, 0.0, float("nan"))] == [
        "123", "12.3", "1.23", "0.012", "0.0", "–",
    ]  # fmt: skip


def test_words_are_escaped():
    assert drawn(line([1, 2])).get("aria-label") == "Error <mm>"


def test_a_band_runs_along_its_edges():
    svg = drawn(line([50, 60], low=np.array([40.0, 45.0]), high=np.array([70.0, 80.0])))
    (band,) = of_class(svg, "polygon", "band")
    (path,) = of_class(svg, "path", "fit")
    corners = [tuple(map(float, corner.split(","))) for corner in band.get("points").split()]
    (x0, y0), (x1, y1) = places(path)
    assert [x for x, _ in corners] == pytest.approx([x0, x1, x1, x0])
    scale = (y0 - y1) / 10
    assert [y for _, y in corners] == pytest.approx(
        [y0 - 20 * scale, y1 - 20 * scale, y1 + 15 * scale, y0 + 10 * scale], abs=0.3
    )


def test_dots_may_have_sizes_and_notes_of_their_own():
    svg = drawn(line([5, 6], sizes=np.array([2.0, 7.5]), notes=["few", "<many>"]))
    dots = of_class(svg, "circle", "dot")
    assert [dot.get("r") for dot in dots] == ["2", "7.5"]
    assert [dot[0].text for dot in dots] == ["fit, round, few", "fit, round, <many>"]
