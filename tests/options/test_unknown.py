"""``OTELML_*`` variables that nobody reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelml import environment_variables
from otelml._options import unknown_variables
from tests._processes import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OTELML_LOGS_JSN", "OTELML_LOGS_JSON"),
        ("OTELML_MODLE", "OTELML_MODEL"),
        ("otelml_model", "OTELML_MODEL"),
        ("OTELML_FLUSH_TIMEOUT_S", "OTELML_FLUSH_TIMEOUT"),
    ],
)
def test_a_misspelled_one_names_the_nearest(name, meant):
    """The prefix alone makes no name near."""
    assert unknown_variables({name: "1"}) == [
        f"{name} is not a variable of otelml; did you mean {meant}?"
    ]
    assert unknown_variables({"OTELML_ZZZ": "1"}) == ["OTELML_ZZZ is not a variable of otelml"]


def test_known_ones_are_known():
    """Ours, and those of the stack that may stand in the same environment."""
    ours = {value for name, value in vars(environment_variables).items() if name.isupper()}
    files = [ROOT / "docker-compose.yml"]
    for folder in ("collector", "jaeger", "loki", "alertmanager", "prometheus"):
        files += (ROOT / folder).rglob("*.y*ml")
    theirs = {
        name for file in files for name in re.findall(r"\bOTELML_[A-Z0-9_]+", file.read_text())
    }
    theirs = {name for name in theirs if not name.endswith("_")}
    assert len(theirs) > 20
    assert unknown_variables(dict.fromkeys(ours | theirs, "1")) == []


def test_init_warns_once():
    """In one line; the start goes on."""
    program = """
        import otelml
        for _ in range(2):
            otelml.init("x", logs=False)
        otelml.shutdown(0)
    """
    code, _, err = run(program, OTELML_TRACSE="1", OTEL_SDK_DISABLED="true")
    assert (code, err.count("OTELML_TRACSE is not a variable of otelml")) == (0, 1)
