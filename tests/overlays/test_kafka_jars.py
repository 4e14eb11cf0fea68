"""The broker's jars: fetched once, and only those that are pinned."""

from __future__ import annotations

import shutil

import pytest

from engines.build import BuildError
from engines.kafka import provision


@pytest.mark.parametrize("spoilt", ["other", "missing", "further"])
def test_jars_that_are_not_the_pinned_ones(tmp_path, monkeypatch, spoilt):
    """A jar with other content, one missing or one too many is named."""
    sums = tmp_path / "jars.sha256"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    sums.write_text(f"{empty}  a.jar\n{empty}  b.jar\n")
    monkeypatch.setattr(provision, "SUMS", sums)
    (tmp_path / "a.jar").touch()
    (tmp_path / "b.jar").touch()
    provision.verify(tmp_path)
    if spoilt == "missing":
        (tmp_path / "a.jar").unlink()
    else:
        (tmp_path / {"other": "a.jar", "further": "c.jar"}[spoilt]).write_text("x")
    with pytest.raises(BuildError, match=r"jars.sha256 pins: [ac]\.jar$"):
        provision.verify(tmp_path)


def test_jars_not_fetched(tmp_path, monkeypatch):
    """Whoever needs the broker without its jars is told what to run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BuildError, match="run tests/install-kafka"):
        provision.jars()


def test_no_maven(tmp_path, monkeypatch):
    """Without Maven the error says how to get it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BuildError, match="apt-get install maven"):
        provision.provision()
