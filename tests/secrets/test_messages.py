"""No message is made of an option's value but by the one function: the package's code is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import otelml

_PACKAGE = Path(otelml.__file__).parent
_SHOWN = {
    "shown",
    "shown_host",
    "shown_key",
    "shown_path",
    "shown_url",
    "scrubbed",
    "cause_of",
    "_said",
}
_WORDS = {"hint", "len", "nearest", "_type_name"}
# Parts of a message that are no values: names of options, of files and of what is valid.
_NAMES = {
    "key", "kind", "name", "named", "names", "number", "path", "place", "port", "prefix", "source",
    "variable", "where", "known", "meant", "must", "low", "high", "position", "text", "said",
    "wrong", "option", "folder", "places", "choices", "row", "rows", "count", "field", "version", "status_code", "seconds", "cmd_name",
}  # fmt: skip
_ERRORS = {"ConfigurationError", "LabelSourceError", "MissingDependencyError", "wrong"}
_LOG = {"debug", "info", "warning", "error", "exception", "critical", "log"}
_OPTIONS = {"options", "_options", "config", "_config", "settings", "_settings", "environ"}
# Not of options: what an endpoint or a tool of ours was asked, and reprs of objects.
_REPR_ALLOWED = {
    "_monitor/page.py",  # names of labels, on a page
    "_feedback/receive.py",  # a label, to the one who sent it
    "_feedback/rows.py",  # as above
    "_prediction/results.py",  # what the application predicted
    "quality/classification.py",  # arguments of plain functions
    "quality/inputs.py",
    "quality/intervals.py",
    "quality/unlabelled.py",
    "_providers/self_check.py",  # the kind of an error of the SDK's
    "instrumentors/base.py",  # what a distribution requires
    "instrumentors/system.py",  # what psutil says
    "reference/learned_file.py",  # a damaged file
    "testing.py",  # what a test of the application's expected
    "_option_fields.py",  # __repr__ of options, without secrets
    "config.py",  # __repr__ of options, without secrets
    "_label_options.py",  # as above
    "_retraining_options.py",  # as above
}


def _modules() -> list[Path]:
    return [p for p in sorted(_PACKAGE.rglob("*.py")) if "viewer" not in p.parts]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_plain(node: ast.expr) -> bool:
    """Whether a part of a message can hold no value of an option."""
    if isinstance(node, (ast.Constant, ast.JoinedStr)):
        return isinstance(node, ast.Constant) or all(
            _is_plain(one.value) for one in node.values if isinstance(one, ast.FormattedValue)
        )
    if isinstance(node, ast.IfExp):
        return _is_plain(node.body) and _is_plain(node.orelse)
    if isinstance(node, ast.Call):
        name = _name(node.func)
        is_join = name == "join" and all(_is_plain(one) for one in node.args)
        return name in _SHOWN | _WORDS or is_join
    if isinstance(node, ast.Subscript):
        return _name(node.value).isupper() or _name(node.value).lstrip("_").isupper()
    if isinstance(node, ast.Attribute) and node.attr == "__name__":
        return True
    if isinstance(node, ast.Attribute) and _name(node.value) in _OPTIONS:
        return False
    name = _name(node).lstrip("_")
    return name in _NAMES or name.isupper()


def _wrong_parts(tree: ast.AST, file: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue):
            if node.conversion == ord("r") and file not in _REPR_ALLOWED:
                yield f"{file}:{node.lineno}: !r of {ast.unparse(node.value)}"
        elif isinstance(node, ast.Call) and _name(node.func) in _ERRORS:
            for part in (one for arg in node.args for one in ast.walk(arg)):
                if isinstance(part, ast.FormattedValue) and not _is_plain(part.value):
                    yield f"{file}:{part.lineno}: an error of {ast.unparse(part.value)}"
        elif isinstance(node, ast.Call) and _name(node.func) in _LOG:
            yield from _wrong_log(node, file)


def _wrong_log(node: ast.Call, file: str) -> Iterator[str]:
    if not isinstance(node.func, ast.Attribute) or "logger" not in _name(node.func.value):
        return
    for arg in node.args[1:]:
        held = [one for one in ast.walk(arg) if isinstance(one, ast.Attribute)]
        is_shown = isinstance(arg, ast.Call) and _name(arg.func) in _SHOWN
        if not is_shown and any(_name(one.value) in _OPTIONS for one in held):
            yield f"{file}:{arg.lineno}: a log of {ast.unparse(arg)}"
    if "%r" in ast.unparse(node.args[0]) and file not in _REPR_ALLOWED:
        yield f"{file}:{node.lineno}: %r in a log"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(_PACKAGE)))
def test_values_are_shown_by_one_function(path):
    """Every other way of putting one into a message is refused."""
    found = list(_wrong_parts(ast.parse(path.read_text()), str(path.relative_to(_PACKAGE))))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "raise ConfigurationError(f'{key} is {value!r}')",
        "raise ConfigurationError(f'{key} is {value}')",
        "raise ConfigurationError(f'{key} is {self.url}')",
        "raise ConfigurationError(f'it is {str(error)}')",
        "raise LabelSourceError(f'not read: {error}', 'x')",
        "raise given.wrong(f'not {given.value}')",
        "_logger.warning('otelml: %s', options.webhook)",
        "_logger.warning('otelml: %r', what)",
        "print(f'{token!r}')",
    ],
)
def test_the_rule_finds(code):
    """What it is for."""
    assert list(_wrong_parts(ast.parse(code), "x.py"))


@pytest.mark.parametrize(
    "code",
    [
        "raise ConfigurationError(f'{key} is {shown(value)}; it must be {must}')",
        "raise ConfigurationError(f'unknown key {shown_key(key)}; {hint(key, known)}')",
        "_logger.warning('otelml: %s', shown_host(self.host))",
    ],
)
def test_the_rule_lets_pass(code):
    """What is right."""
    assert not list(_wrong_parts(ast.parse(code), "x.py"))
