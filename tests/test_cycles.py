"""No two modules of the package need each other, at whatever level they import."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent


def _circles(package: str) -> list[list[str]]:
    """Return each group of modules that reach one another through their imports.

    Imports in functions and under ``TYPE_CHECKING`` count. The groups are the strongly connected
    components of the import graph, found as Tarjan does.
    """
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    reached = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(reached[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for module in sorted(graph.modules):
        if module not in number:
            visit(module)
    return sorted(found)


def test_no_modules_import_each_other():
    """Neither directly nor through others, nor in a function, nor for type checking alone."""
    found = _circles("otelml")
    assert found == [], "\n".join("in a circle: " + ", ".join(circle) for circle in found)


MODULES = {
    "function": ("def f():\n    from circular import b\n", "from circular import a\n"),
    "type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from circular.b import x\n",
        "from circular import c\n",
    ),
    "none": ("from circular import b\n", "from circular import c\n"),
}


@pytest.mark.parametrize(
    ("case", "circle"),
    [
        ("function", [["circular.a", "circular.b"]]),
        ("type checking", [["circular.a", "circular.b", "circular.c"]]),
        ("none", []),
    ],
)
def test_a_circle_is_found(case, circle, tmp_path, monkeypatch):
    """Where an import stands in a function or is for types only, and through a third module."""
    folder = tmp_path / "circular"
    folder.mkdir()
    last = "from circular.a import x\n" if case == "type checking" else ""
    for name, text in zip("abc", (*MODULES[case], last), strict=True):
        (folder / f"{name}.py").write_text(text)
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert _circles("circular") == circle
