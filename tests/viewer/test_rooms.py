"""The rooms of the viewer use each other by what they export, and never in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

VIEWER = Path(__file__).parents[2] / "otelml" / "viewer"
PREFIX = "otelml.viewer"
# Each may use those after it.
ABOVE = {
    "receive": {"decode", "store", "records"},
    "web": {"queries", "store", "records"},
    "queries": {"store", "records"},
    "decode": {"records"},
    "store": {"records"},
    "records": set(),
}


def imported(path: Path) -> set[tuple[str, ...]]:
    """Return the parts of the viewer that a file names, for type checking too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        found |= {
            tuple(name.split(".")[2:])
            for name in names
            if name == PREFIX or name.startswith(f"{PREFIX}.")
        }
    return found


def test_the_rooms_are_these():
    """A new folder takes its place in the order, here and in the import linter."""
    assert {path.parent.name for path in VIEWER.glob("*/__init__.py")} == set(ABOVE)


@pytest.mark.parametrize("room", ABOVE)
def test_a_room_uses_what_those_beneath_export(room):
    """Never a file inside another room, never the viewer above."""
    allowed = {(name,) for name in ABOVE[room]}
    found = {
        f"{path.name}: {'.'.join(parts) or PREFIX}"
        for path in (VIEWER / room).rglob("*.py")
        for parts in imported(path)
        if parts[:1] != (room,) and parts not in allowed
    }
    assert not found


@pytest.mark.parametrize("room", ABOVE)
def test_a_room_s_front_holds_no_code(room):
    """One sentence, imports and the list of names."""
    body = ast.parse((VIEWER / room / "__init__.py").read_text()).body
    kinds = [type(node) for node in body[1:-1]]
    assert kinds == [ast.ImportFrom] * len(kinds)
    assert isinstance(body[-1], ast.Assign)
    assert ast.unparse(body[-1].targets[0]) == "__all__"
