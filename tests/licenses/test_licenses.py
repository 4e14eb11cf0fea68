"""Every part is open source and none is under the AGPL: the check goes red when one is."""

from __future__ import annotations

from importlib.metadata import PathDistribution

import pytest

from licenses import __main__ as command
from licenses import parts, texts


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A table and the engines' module files that a test may change."""
    table = tmp_path / "parts.tsv"
    table.write_text(parts.TABLE.read_text())
    engines = tmp_path / "engines"
    for file in (parts.ROOT / "engines").glob("*/*.mod"):
        target = engines / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text())
    for name in ("collector/builder.yaml", "kafka/jars.sha256"):
        (engines / name).parent.mkdir(exist_ok=True)
        (engines / name).write_text((parts.ROOT / "engines" / name).read_text())
    vendor = tmp_path / "otelml/viewer/web/static/vendor"
    vendor.mkdir(parents=True)
    readme = parts.ROOT / "otelml/viewer/web/static/vendor/README.md"
    (vendor / "README.md").write_text(readme.read_text())
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    monkeypatch.setattr(parts, "TABLE", table)
    monkeypatch.setattr(command, "linked", lambda: iter(()))
    return tmp_path


def _require(tree, line):
    file = tree / "engines/prometheus/go.mod"
    file.write_text(f"{file.read_text()}\nrequire {line}\n")


def test_all_parts_are_accepted(tree, capsys):
    """The tree as it is, each kind in the table that is printed."""
    assert command.main([]) == 0
    printed = capsys.readouterr().out
    assert all(f" {kind} " in printed for kind in ("python", "go", "npm", "java"))


def test_a_module_without_a_row_is_refused(tree, capsys):
    """What nobody has looked at is not accepted."""
    _require(tree, "example.com/unseen v1.0.0")
    assert command.main([]) == 1
    assert "go example.com/unseen v1.0.0: no licence known" in capsys.readouterr().err


@pytest.mark.parametrize("licence", ["AGPL-3.0", "AGPL-3.0-only", "SSPL-1.0", "BUSL-1.1", ""])
def test_a_licence_that_is_not_accepted_is_refused(tree, capsys, licence):
    """The AGPL, what is not open source, and none at all."""
    _require(tree, "example.com/part v1.2.3")
    with parts.TABLE.open("a") as table:
        table.write(f"go\texample.com/part\tv1.2.3\t{licence}\n")
    assert command.main([]) == 1
    assert "example.com/part v1.2.3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "metadata",
    [
        "License-Expression: AGPL-3.0-or-later",
        "Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
        "License: Commercial",
        "",
    ],
)
def test_a_python_package_is_refused(tree, tmp_path, monkeypatch, capsys, metadata):
    """However it says that it is under the AGPL, or if it says nothing that is known."""
    folder = tmp_path / "bad-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n{metadata}\n"
    )
    monkeypatch.setattr(parts, "distributions", lambda: [PathDistribution(folder)])
    assert command.main([]) == 1
    assert "python bad 1.0" in capsys.readouterr().err


def test_a_vendored_package_and_a_jar_are_refused(tree, capsys):
    """Their lists count like the modules'."""
    with (tree / "otelml/viewer/web/static/vendor/README.md").open("a") as readme:
        readme.write("| `x.js` | `left-pad` 1.3.0 | `x.js` | MIT |\n")
    with (tree / "engines/kafka/jars.sha256").open("a") as jars:
        jars.write("00  unknown-9.1.jar\n")
    assert command.main([]) == 1
    refused = capsys.readouterr().err
    assert "npm left-pad 1.3.0" in refused
    assert "java unknown 9.1" in refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3", "AGPL-3.0"),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 3\n13. Use with the GNU Affero", "GPL-3.0"),
        ("Apache License\n  Version 2.0, January 2004", "Apache-2.0"),
        (
            "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining",
            "MIT",
        ),
        ("Redistribution and use in source and\nbinary forms", "BSD-2-Clause"),
        ("All rights reserved.", ""),
    ],
)
def test_texts(text, expected):
    """A licence is known by its text."""
    assert texts.of_text(text) == expected


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("MIT", True), ("AGPL-3.0-only OR MIT", True), ("AGPL-3.0-only AND MIT", False),
        ("(MIT OR Apache-2.0) AND SSPL-1.0", False), ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("Elastic-2.0", False), ("", False),
    ],
)  # fmt: skip
def test_expressions(expression, accepted):
    """Of what OR joins one is enough, of what AND joins all are needed."""
    assert texts.is_accepted(expression) is accepted
