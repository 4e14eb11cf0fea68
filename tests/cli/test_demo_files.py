"""Where ``otelml demo`` finds its service, and where that keeps its model."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from otelml._id_options import keys_of
from otelml.cli import _demo_files
from otelml.exceptions import OtelmlError

ROOT = Path(__file__).parents[2]


def test_a_checkout_uses_the_folder_beside_the_package():
    """And keeps the model there."""
    assert _demo_files.demo_folder() == ROOT
    environment = _demo_files.environment_of(ROOT, {"PYTHONPATH": "/a"})
    assert environment == {"PYTHONPATH": f"{ROOT}{os.pathsep}/a"}
    assert _demo_files.model_folder(environment) is None


def test_an_installed_one_is_inside_the_package(monkeypatch, tmp_path):
    """Its model is the user's; a folder that was chosen is kept."""
    service = tmp_path / "otelml" / "_demo" / "demo_service"
    service.mkdir(parents=True)
    (service / "__main__.py").touch()
    monkeypatch.setattr(_demo_files, "_PACKAGE", tmp_path / "otelml")
    folder = _demo_files.demo_folder()
    assert folder == service.parent
    environment = _demo_files.environment_of(folder, {"XDG_CACHE_HOME": "/c", "A": "b"})
    assert environment["A"] == "b"
    assert environment["PYTHONPATH"] == str(folder)
    assert _demo_files.model_folder(environment) == Path("/c/otelml/demo-model")
    chosen = _demo_files.environment_of(folder, {"DEMO_MODEL_DIR": "/m"})
    assert _demo_files.model_folder(chosen) == Path("/m")


def test_where_it_is_missing_that_is_said(monkeypatch, tmp_path):
    """With what to do; a package of that name from somewhere else is not taken."""
    monkeypatch.setattr(_demo_files, "_PACKAGE", tmp_path / "otelml")
    with pytest.raises(OtelmlError, match=r"has no demo service.*pip install"):
        _demo_files.demo_folder()


def _kept(folder):
    return folder / "otelml" / "demo-secret"


def test_the_key_of_the_demo_is_made_once(tmp_path):
    """Kept with the user, for nobody else to read; good enough for init."""
    given = {"XDG_CACHE_HOME": str(tmp_path)}
    made = _demo_files.demo_secret(given)
    assert keys_of(made) == (made,)
    assert _demo_files.demo_secret(given) == made == _kept(tmp_path).read_text().strip()
    assert stat.S_IMODE(_kept(tmp_path).stat().st_mode) == 0o600
    _kept(tmp_path).chmod(0o644)
    assert _demo_files.demo_secret(given) == made
    assert stat.S_IMODE(_kept(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_damaged_key_of_the_demo(tmp_path, content):
    """One that is too short is replaced; where it cannot be read, the run has one of its own."""
    _kept(tmp_path).parent.mkdir()
    _kept(tmp_path).write_bytes(content)
    made = _demo_files.demo_secret({"XDG_CACHE_HOME": str(tmp_path)})
    assert keys_of(made) == (made,)


def test_a_key_that_cannot_be_kept(tmp_path):
    """A link is not followed, a folder that is none is no obstacle: each run has its own."""
    (tmp_path / "target").write_text("a key that somebody has put here")
    _kept(tmp_path).parent.mkdir()
    _kept(tmp_path).symlink_to(tmp_path / "target")
    given = {"XDG_CACHE_HOME": str(tmp_path)}
    one, other = _demo_files.demo_secret(given), _demo_files.demo_secret(given)
    assert one != other
    assert (tmp_path / "target").read_text() == "a key that somebody has put here"
    assert _demo_files.demo_secret({"XDG_CACHE_HOME": str(tmp_path / "target")})
