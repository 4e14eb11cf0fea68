"""What the guides name is there: variables, files, flags, images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engines.launch import SHARED_FLAGS

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / name for name in ("quickstart.md", "operating.md", "moving.md")]
SOURCES = [
    ROOT / "docker-compose.yml",
    ROOT / "otelml/environment_variables.py",
    *(
        f
        for part in ("collector", "jaeger", "loki", "alertmanager")
        for f in (ROOT / part).rglob("*")
    ),
]
FOLDERS = "collector|jaeger|loki|prometheus|alertmanager|grafana|engines|deploy|tests"


def given() -> set[str]:
    """Return every OTELML variable that something reads."""
    text = "".join(path.read_text("utf-8") for path in SOURCES if path.is_file())
    return set(re.findall(r"\bOTELML_[A-Z0-9_]+", text))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_variables_exist(page):
    """Every variable of ours that a guide names is read somewhere."""
    named = set(re.findall(r"\bOTELML_[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))
    assert named - given() == set()


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_files_exist(page):
    """Every file of the repository that a guide names in code is there."""
    code = re.findall(rf"`((?:{FOLDERS})/[\w./-]+\.\w+)`", page.read_text())
    made = {"prometheus/rules/old-names.yml"}
    assert [path for path in code if path not in made and not (ROOT / path).exists()] == []


def test_retention_is_what_the_guide_says():
    """The defaults of the table of retention are those of the configuration."""
    page = (ROOT / "docs/operating.md").read_text()
    flags = dict(flag.split("=") for flag in SHARED_FLAGS["prometheus"] if "retention" in flag)
    assert flags == {
        "--storage.tsdb.retention.time": "15d",
        "--storage.tsdb.retention.size": "8GB",
    }
    assert "| Prometheus | 15 days and 8 GB," in page
    for config, key, row in (
        ("jaeger", "${env:OTELML_JAEGER_RETENTION:-48h}", "| Jaeger | 48 h |"),
        ("loki", "${OTELML_LOKI_RETENTION:-168h}", "| Loki | 168 h |"),
    ):
        assert key in (ROOT / config / "config.yaml").read_text()
        assert row in page
