"""The calibration's data are what their names say, and its table is what its runs gave."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import drift_calibration as calibration
from benchmarks.drift_data import KINDS
from benchmarks.drift_table import document

ROOT = Path(__file__).parents[2]
NAMED = {kind.name: kind for kind in KINDS}


def rows(name, count, size=400, features=6):
    """Return some windows of a kind, in order."""
    windows = NAMED[name].windows(np.random.default_rng(0), size, features)
    return list(itertools.islice(windows, count))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_reference_and_a_day_of_windows_are_alike(kind):
    """Nothing drifts: quantiles of the reference are those of days of serving."""
    rng = np.random.default_rng(1)
    reference = kind.reference(rng, 20_000, 4)
    served = np.concatenate(list(itertools.islice(kind.windows(rng, 1000, 4), 48)))
    for place in range(4):
        shares = [
            (served[:, place] <= edge).mean()
            for edge in np.quantile(reference[:, place], (0.2, 0.5, 0.8))
        ]
        wide = 0.12 if len(np.unique(reference[:, place])) < 400 else 0.05
        if len(np.unique(reference[:, place])) > 20:
            assert shares == pytest.approx([0.2, 0.5, 0.8], abs=wide)


@pytest.mark.parametrize(("name", "rho"), [("AR(1) 0.5", 0.5), ("AR(1) 0.95", 0.95)])
def test_dependence_goes_on_from_window_to_window(name, rho):
    """The first row of a window resembles the last of the one before."""
    path = np.concatenate(rows(name, 40))
    assert np.corrcoef(path[1:, 0], path[:-1, 0])[0, 1] == pytest.approx(rho, abs=0.03)
    edges = np.concatenate([path[400::400].ravel()[:, None], path[399:-1:400].ravel()[:, None]], 1)
    assert np.corrcoef(edges.T)[0, 1] > rho - 0.15
    assert path.std() == pytest.approx(1, abs=0.1)


def test_patterns_bursts_and_traffic():
    """Means follow the day; a twentieth of the rows are copies; rows of an hour vary."""
    means = np.array([window[:, 0].mean() for window in rows("daily sine 1, shuffled", 24)])
    assert np.ptp(means) == pytest.approx(2, abs=0.3)
    assert means.mean() == pytest.approx(0, abs=0.1)
    burst = np.concatenate(rows("bursts of 25 copies", 50))
    assert (burst[1:] == burst[:-1]).all(axis=1).mean() == pytest.approx(0.05, abs=0.02)
    sizes = [len(window) for window in rows("traffic follows the day, sine 0.3", 24)]
    assert min(sizes) < 110
    assert max(sizes) > 700


def test_the_page_shows_the_runs():
    """The committed table is made of the committed results."""
    results = json.loads((ROOT / calibration.RESULTS).read_text("utf-8"))
    made = document(results, calibration.BUDGET, calibration.HORIZON)
    assert (ROOT / calibration.PAGE).read_text("utf-8") == made


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    """What is stored is not run again; what is not, is."""
    monkeypatch.setattr(calibration, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(calibration.os, "nice", lambda _: 0)
    ran = []
    pieces = [
        (f"delay|x|{n}", lambda n=n: ran.append(n) or {"0.1": 1, "0.2": 1, "0.3": 1})
        for n in range(3)
    ]
    monkeypatch.setattr(calibration, "_pieces", lambda **_: pieces)
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"delay|x|1": {"0.1": 9, "0.2": 9, "0.3": 9}}), "utf-8")
    monkeypatch.setattr("sys.argv", ["x", "--results", str(results)])
    calibration.main()
    assert ran == [0, 2]
    assert len(json.loads(results.read_text("utf-8"))) == 3
    assert "| x | 3 | 1 (9) |" in (tmp_path / "page.md").read_text("utf-8")
