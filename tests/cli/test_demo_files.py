"""Where ``otelml demo`` finds its service, and where that keeps its model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
