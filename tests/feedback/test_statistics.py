"""The figures of quality against worked examples of the literature."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from optimization.feedback.quality.statistics import (
    alpha,
    chance_of,
    cohen,
    fleiss,
    kendall,
    share,
    strengths,
)

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), the example of four observers and twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
UNITS = [
    {rater: row[unit] for rater, row in enumerate(OBSERVERS) if row[unit] is not None} for unit in range(12)
]
# Fleiss, Measuring nominal scale agreement among many raters (1971) as worked in textbooks: 14 raters, 10 subjects.
FLEISS = [
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
]


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_krippendorffs_own(level, expected: float) -> None:
    assert alpha(UNITS, level) == pytest.approx(expected, abs=0.001)


def test_alpha_is_undefined_where_nobody_could_differ() -> None:
    assert alpha([{1: 3.0, 2: 3.0}], "interval") is None
    assert alpha([{1: 3.0}], "interval") is None


def test_cohens_kappa_of_the_textbook() -> None:
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen(pairs) == pytest.approx(0.4)
    assert cohen([("yes", "yes")]) is None


def test_fleiss_kappa_of_the_textbook() -> None:
    units = [dict(enumerate(level for level, k in enumerate(row) for _ in range(k))) for row in FLEISS]
    assert fleiss(units) == pytest.approx(0.210, abs=0.001)


def test_kendalls_tau_counts_the_pairs_in_the_other_order() -> None:
    assert kendall([[(1, 2, 3), (1, 2, 3)], [(1, 2, 3), (3, 2, 1)]]) == pytest.approx(0.0)
    assert kendall([[(1, 2, 3, 4), (1, 2, 4, 3)]]) == pytest.approx(4 / 6)  # one of six pairs
    assert kendall([]) is None


def test_a_share_has_wilsons_interval() -> None:
    found = share(8, 10)
    assert found
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-3)
    assert share(0, 0) is None
    assert chance_of(10, 10) == pytest.approx(2 / 1024)


def test_strengths_are_found_again_within_their_intervals() -> None:
    true = (1.0, 0.0, -1.0)
    chance = random.Random(1)
    won = []
    for _ in range(3000):
        one, other = chance.sample(range(3), 2)
        beats = chance.random() < 1 / (1 + 2.718281828 ** (true[other] - true[one]))
        won.append((one, other) if beats else (other, one))
    for estimate, expected in zip(strengths(3, won), true, strict=True):
        assert estimate.low - 0.1 < expected < estimate.high + 0.1
        assert estimate.high - estimate.low < 0.4
    assert strengths(1, []) == []


def test_who_never_lost_has_a_finite_strength() -> None:
    best, worst = strengths(2, [(0, 1)] * 5)
    assert 0 < best.value < 10
    assert worst.value == pytest.approx(-best.value)


def test_no_web_process_loads_scipy_before_the_page_is_asked_for() -> None:
    code = (
        "import django, sys; django.setup(); import project.urls, feedback_ui.urls; "
        "from django.urls import get_resolver; list(get_resolver().url_patterns); "
        "print(sorted({'scipy', 'krippendorff', 'choix', 'numpy'} & set(sys.modules)))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "project.settings"}
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
