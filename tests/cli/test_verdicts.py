"""The plain word: which bodies are sure, doubtful, failed."""

import numpy as np
import pytest

from sshmr.cli.verdicts import Verdicts


def verdicts(confidence, far_share, hidden=0):
    count = len(confidence)
    visible = np.ones((count, 24))
    visible[:, 24 - hidden :] = 0
    names = [f"scan_{row}.ply" for row in range(count)]
    return Verdicts(names, np.full(count, 9.0), np.array(far_share), np.array(confidence), visible)


def test_bodies_are_counted_by_verdict_and_the_worst_is_named():
    found = verdicts([0.9, 0.3, 0.4, 0.001], [0.0, 0.1, 0.5, 0.2])
    assert found.counts == {"sure": 1, "doubtful": 1, "failed": 2}
    assert found.in_words == "1 sure, 1 doubtful, 2 failed"
    assert not found.all_sure
    assert found.worst["source"] == "scan_3.ply"
    assert found.lines[0].startswith("worst: scan_3.ply, confidence 0.00, 20 % of its points")


def test_one_failed_of_one_is_said_at_once():
    assert verdicts([0.0], [0.0]).in_words == "failed"
    assert verdicts([0.9], [0.0]).in_words == "sure"


def test_a_confident_body_that_leaves_many_points_is_doubtful():
    found = verdicts([0.6, 0.55, 0.9], [0.15, 0.04, 0.4])
    assert found.counts == {"sure": 1, "doubtful": 2, "failed": 0}
    assert found.worst["source"] == "scan_0.ply"


def test_no_worst_fit_is_named_if_all_are_sure():
    found = verdicts([0.9, 0.6], [0.0, 0.0])
    assert found.all_sure
    assert found.worst is None
    assert found.lines == []


def test_predictions_without_points_compared_are_judged_by_confidence_alone():
    found = verdicts([0.9, 0.1], [np.nan, np.nan])
    assert found.counts == {"sure": 1, "doubtful": 1, "failed": 0}
    assert found.worst["far_share"] is None


@pytest.mark.parametrize(("hidden", "lines"), [(2, 0), (8, 1)])
def test_a_part_of_a_person_is_reported_with_what_it_lacks(hidden, lines):
    found = verdicts([0.9], [0.0], hidden)
    assert len(found.lines) == lines
    if lines:
        assert "1 of 1 clouds show only a part of a person; scan_0.ply lacks left_shoulder" in found.lines[0]
