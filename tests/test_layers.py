"""What the import linter cannot say: who may import the SDK, and where names may stand."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from otelml import semconv, semconv_batch, semconv_quality, semconv_variants

PACKAGE = Path(__file__).parent.parent / "otelml"
SDK_ALLOWED = {
    "_spans/deferred.py",
    "_spans/choice.py",
    "_spans/samplers.py",
    "_privacy/spans.py",
    "testing.py",
}


@functools.cache
def _modules():
    return [
        (path.relative_to(PACKAGE), ast.parse(path.read_text()))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def _runtime_imports(tree):
    typed = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in typed:
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_only_providers_spans_and_testing_import_the_sdk():
    """The SDK is known in few places."""
    found = {
        str(path)
        for path, tree in _modules()
        for name in _runtime_imports(tree)
        if name.startswith("opentelemetry.sdk")
        and path.parts[0] != "_providers"
        and str(path) not in SDK_ALLOWED
    }
    assert not found


def test_names_are_spelled_once():
    """No module but semconv writes the name of a metric or an attribute."""
    known = [
        *vars(semconv).values(),
        *vars(semconv_quality).values(),
        *vars(semconv_variants).values(),
        *vars(semconv_batch).values(),
    ]
    names = {value for value in known if isinstance(value, str)}
    names = {name for name in names if name.startswith(("ml.", "otelml."))}
    names |= {
        metric.name
        for metric in (
            *semconv.METRICS,
            *semconv_quality.QUALITY_METRICS,
            *semconv_variants.VARIANT_METRICS,
            *semconv_batch.BATCH_METRICS,
        )
    }
    found = {
        f"{path}:{node.lineno}: {node.value}"
        for path, tree in _modules()
        if path.name
        not in {
            "semconv.py",
            "semconv_host.py",
            "semconv_quality.py",
            "semconv_variants.py",
            "semconv_batch.py",
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert not found


def test_broad_excepts_are_in_the_guard():
    """Catching everything is the guard's business."""
    found = {
        f"{path}:{handler.lineno}"
        for path, tree in _modules()
        if path.name != "_guard.py"
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler)
        and handler.type is not None
        and ast.unparse(handler.type) == "Exception"
    }
    assert not found


DATA_TYPES = {"_records", "_prediction.tokens", "_feedback.records"}
LAZY = {"_startup.pipeline", "_startup.start"}  # they bring the SDK and contrib with them
DOORS = DATA_TYPES | LAZY
"""What may be imported by name; all else goes by what a room exports."""


def test_a_room_is_entered_by_its_door():
    """No module reaches into another private room past what that room exports."""
    found = set()
    for path, tree in _modules():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                "otelml._"
            ):
                continue
            room, _, rest = node.module.removeprefix("otelml.").partition(".")
            outside = path.parts[0] != room and (PACKAGE / room).is_dir()
            if outside and rest and room not in DOORS and f"{room}.{rest}" not in DOORS:
                found.add(f"{path}:{node.lineno}: {node.module}")
    assert not found


def test_a_room_says_what_it_does_in_one_sentence_and_holds_no_code():
    """An ``__init__.py`` is a docstring and a list of exports."""
    allowed = (ast.Import, ast.ImportFrom)
    for path, tree in _modules():
        if path.name != "__init__.py":
            continue
        body = [n for n in tree.body if not isinstance(n, allowed)]
        assert ast.get_docstring(tree), path
        for node in body[1:]:
            names = [ast.unparse(t) for t in getattr(node, "targets", ())]
            assert names == ["__all__"], f"{path}:{node.lineno}"
