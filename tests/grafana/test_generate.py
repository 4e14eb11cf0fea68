"""What is generated is current, and the check notices when it is not."""

from __future__ import annotations

import json
import sys

import pytest

if sys.version_info < (3, 11):
    pytest.skip("grafana-foundation-sdk needs Python 3.11", allow_module_level=True)

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.generate.__main__ import ROOT, files, main


@pytest.fixture
def tree(tmp_path):
    """Return a folder with everything generated into it."""
    assert main(["--root", str(tmp_path)]) == 0
    return tmp_path


def test_the_repository_is_current():
    """The files in the repository are those that the generator writes."""
    assert main(["--check", "--root", str(ROOT)]) == 0


def test_everything_is_written(tree):
    """The generator writes each file it names, and nothing else."""
    written = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()}
    assert written == set(files())
    assert main(["--check", "--root", str(tree)]) == 0


@pytest.mark.parametrize("path", ["prometheus/rules/alerts.yml", "docs/runbooks/NoPredictions.md"])
def test_an_edit_is_noticed_and_undone(tree, path, capsys):
    """An edited file fails the check by name; writing puts it right."""
    before = (tree / path).read_text("utf-8")
    (tree / path).write_text(before + "\n", "utf-8")
    assert main(["--check", "--root", str(tree)]) == 1
    assert path in capsys.readouterr().err
    assert main(["--root", str(tree)]) == 0
    assert (tree / path).read_text("utf-8") == before


def test_a_leftover_is_noticed_and_removed(tree, capsys):
    """A runbook of an alert that is gone fails the check; writing removes it."""
    (tree / "docs/runbooks/Gone.md").write_text("old", "utf-8")
    assert main(["--check", "--root", str(tree)]) == 1
    assert "docs/runbooks/Gone.md" in capsys.readouterr().err
    assert main(["--root", str(tree)]) == 0
    assert not (tree / "docs/runbooks/Gone.md").exists()


def test_writing_twice_writes_once(tree, capsys):
    """A second run finds nothing to write."""
    capsys.readouterr()
    assert main(["--root", str(tree)]) == 0
    assert capsys.readouterr().out == ""


def lost(written: object, read: object, where: str = "") -> list[str]:
    """Return the places at which something that was written was not read."""
    if isinstance(written, dict) and isinstance(read, dict):
        return [
            place
            for key, value in written.items()
            for place in lost(value, read.get(key), f"{where}.{key}")
        ]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        return [place for n, (a, b) in pairs for place in lost(a, b, f"{where}[{n}]")]
    return [] if written == read else [where]


def test_the_schema_holds():
    """Grafana's own model of a dashboard reads each file and loses nothing of it."""
    register_default_plugins()
    written = {path: json.loads(text) for path, text in files().items() if path.endswith(".json")}
    assert len(written) == 8
    for path, dashboard in written.items():
        read = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
        assert lost(dashboard, read, path) == []
