"""Reports are kept in a bounded number, under names that no model can bend."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from otelml import _guard
from otelml._monitor import Archive, archive
from otelml.config import DriftOptions
from otelml.exceptions import ConfigurationError, MissingDependencyError
from tests.monitor._driver import MODEL, Driver, normal, reference_of


def _run(checks, shift=0.0, **options):
    driver = Driver(reference_of(), window_rows=50, **options)
    generator = np.random.default_rng(3)
    for _ in range(checks):
        driver.check(normal(generator, 100) + np.array([shift, 0, 0]))
        assert driver.monitor.archive.flush(10)
    return driver


def test_the_newest_are_kept(tmp_path):
    """Of seven checks the three newest, in memory and in the folder, and no other file there."""
    driver = _run(7, reports_kept=3, report_folder=str(tmp_path))
    names = [one["name"] for one in driver.monitor.archive.list()]
    assert len(names) == 3
    assert names == sorted(names, reverse=True)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted(f"{name}.{kind}" for name in names for kind in ("json", "html"))
    assert driver.monitor.archive.latest_of(*MODEL) == names[0]
    assert not any(name.endswith("-manual") for name in names)


def test_files_of_others_stay(tmp_path):
    """What the monitor did not name is neither removed nor listed, nor followed."""
    (tmp_path / "notes.json").write_text("{}")
    secret = tmp_path / "secret"
    secret.write_text('{"name": "x"}')
    link = tmp_path / "20200101T000000.000Z-loan-1-abcdef.json"
    link.symlink_to(secret)
    driver = _run(3, reports_kept=1, report_folder=str(tmp_path))
    kept = driver.monitor.archive
    assert len(kept.list()) == 1
    assert kept.content(link.name[:-5]) is None
    assert (tmp_path / "notes.json").exists()
    assert link.is_symlink()


def test_a_damaged_file_is_no_report(tmp_path):
    """Half a file, another object and no object are left out, and the rest is listed."""
    _run(3, report_folder=str(tmp_path))
    first, second, _ = sorted(tmp_path.glob("*.json"))
    first.write_text('{"name":')
    second.write_text(json.dumps({"name": second.stem}))
    assert len(Archive(50, str(tmp_path)).list()) == 1


@pytest.mark.parametrize("model", ["../../etc/passwd", "a/b", "é <b>", "", "x" * 500, ".."])
def test_a_models_name_stays_in_the_folder(tmp_path, model):
    """Whatever a model is called, its report lies in the folder and opens by its name."""
    folder = tmp_path / "reports"
    driver = Driver(reference_of(), window_rows=50, report_folder=str(folder))
    driver.monitor._default = (None, None)
    driver.send(normal(np.random.default_rng(1), 100), key=(model, "1"))
    driver.now += driver.options.every_s
    driver.finish()
    assert driver.monitor.archive.flush(10)
    (one,) = driver.monitor.archive.list()
    assert one["model"] == model
    assert driver.monitor.archive.content(one["name"])["rows"] == 100
    assert {path.parent for path in tmp_path.rglob("*.*") if path.is_file()} == {folder}
    again = Archive(50, str(folder))
    assert again.content(one["name"])["model"] == model
    assert "<b>" not in again.page(one["name"])


def test_many_features_keep_fewer_reports(monkeypatch):
    """All kept reports together have a bounded number of features; the newest stays."""
    monkeypatch.setattr(archive, "_MOST_FINDINGS", 7)
    assert len(_run(5).monitor.archive.list()) == 2
    monkeypatch.setattr(archive, "_MOST_FINDINGS", 1)
    assert len(_run(5).monitor.archive.list()) == 1


def test_a_page_shows_the_evidence_of_the_windows_before():
    """The chart has one point a window, and the ranking its feature in front."""
    driver = _run(6, shift=0.3)
    kept = driver.monitor.archive
    name = kept.latest_of(*MODEL)
    page = kept.page(name)
    assert page.count("<polyline") == 3
    line = page.partition('<polyline points="')[2].partition('"')[0]
    assert len(line.split()) == 6
    assert page.index("#feature-0") < page.index("f0</a>") < page.index("f1</a>")


def test_a_folder_that_cannot_be_written_breaks_nothing(tmp_path):
    """The check counts, the report is in memory, and the error is counted."""
    (tmp_path / "file").write_text("")
    before = _guard.errors["drift reports"]
    driver = _run(2, report_folder=str(tmp_path / "file" / "reports"))
    assert len(driver.monitor.archive.list()) == 2
    assert _guard.errors["drift reports"] == before + 2


def test_a_slow_disk_holds_up_no_check(tmp_path, monkeypatch):
    """While a file is being written the checks go on, and all are written in the end."""
    begun, release = threading.Event(), threading.Event()
    write = archive.write

    def slow(path, text):
        begun.set()
        assert release.wait(10)
        write(path, text)

    monkeypatch.setattr(archive, "write", slow)
    driver = Driver(reference_of(), window_rows=50, report_folder=str(tmp_path))
    for seed in range(3):
        driver.check(normal(np.random.default_rng(seed), 100))
    assert begun.wait(10)
    assert not driver.monitor.archive.flush(0)
    assert len(driver.monitor.archive.list()) == 3
    release.set()
    assert driver.monitor.archive.flush(10)
    assert len(list(tmp_path.glob("*.json"))) == len(list(tmp_path.glob("*.html"))) == 3


def test_a_wrong_folder_is_refused_at_once(tmp_path, monkeypatch):
    """A file, nothing, and a missing extra are told when the options are made."""
    path = tmp_path / "file"
    path.write_text("")
    for wrong in (str(path), "", "  "):
        with pytest.raises(ConfigurationError, match="report_folder"):
            DriftOptions(report_folder=wrong)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"otelml\[report\]"):
        DriftOptions(report_folder=str(tmp_path))
