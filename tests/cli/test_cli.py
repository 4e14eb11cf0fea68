"""The group of commands: lazy, and one line for an error."""

from __future__ import annotations

import subprocess
import sys
import types

import click
import pytest
from click.testing import CliRunner

from otelml._version import __version__
from otelml.cli import main
from otelml.cli._group import LazyGroup
from otelml.exceptions import ConfigurationError, MissingDependencyError


@pytest.fixture
def module(monkeypatch):
    """A module in the place of ``otelml.cli.demo``."""
    one = types.ModuleType("otelml.cli.demo")
    monkeypatch.setitem(sys.modules, "otelml.cli.demo", one)
    return one


def failing(error: Exception) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def test_help_lists_every_command():
    """Without importing any of them."""
    script = "import sys; from otelml.cli import main\ntry: main(['--help'])\nfinally: print([m for m in sys.modules if m.startswith('otelml.cli.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    for name in ("demo", "doctor", "run", "simulate", "view"):
        assert f"  {name} " in done.stdout
    assert done.stdout.splitlines()[-1] == "['otelml.cli._group']"


def test_version():
    """The distribution's."""
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"otelml, version {__version__}\n")


@pytest.mark.parametrize("module_name", ["otelml", "otelml.cli"])
def test_python_dash_m(module_name):
    """Both packages can be run."""
    done = subprocess.run(
        [sys.executable, "-m", module_name, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"otelml, version {__version__}\n"


@pytest.mark.parametrize("attribute", ["command", "demo"])
def test_a_command_is_found_by_either_name(module, attribute):
    """``command``, or what is named like its module."""
    setattr(module, attribute, click.Command("demo", callback=lambda: click.echo("ran")))
    result = CliRunner().invoke(main, ["demo"])
    assert (result.exit_code, result.output) == (0, "ran\n")


@pytest.mark.parametrize("name", ["demo", "doctor", "run", "simulate", "view"])
def test_every_listed_command_exists(name):
    """Each has a help text of its own."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert (result.exit_code, result.output.splitlines()[0].startswith(f"Usage: main {name}")) == (
        0,
        True,
    )


def test_an_error_of_ours_is_one_line(module):
    """On stderr, exit code 1, even where its text has several lines."""
    module.command = failing(ConfigurationError("the port is taken;\n  choose another"))
    result = CliRunner().invoke(main, ["demo"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: the port is taken; choose another\n"


def test_a_missing_dependency_names_the_extra(module):
    """With the pip command."""
    module.command = failing(MissingDependencyError("otelml demo", "demo"))
    result = CliRunner().invoke(main, ["demo"])
    assert (result.exit_code, result.stderr) == (
        1,
        "error: otelml demo needs an extra: pip install 'otelml[demo]'\n",
    )


def test_an_import_that_fails_names_the_extra(monkeypatch):
    """Where a command cannot even be imported."""

    def missing(name):
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")

    monkeypatch.setattr("otelml.cli._group.importlib.import_module", missing)
    result = CliRunner().invoke(main, ["view"])
    assert (result.exit_code, result.stderr) == (
        1,
        "error: otelml view needs an extra: pip install 'otelml[viewer]' (No module named 'starlette')\n",
    )


def test_an_unknown_command_is_a_usage_error():
    """Exit code 2."""
    assert CliRunner().invoke(main, ["nope"]).exit_code == 2


def test_other_errors_are_not_hidden(module):
    """A defect keeps its traceback."""
    module.command = failing(ZeroDivisionError())
    assert isinstance(CliRunner().invoke(main, ["demo"]).exception, ZeroDivisionError)


def test_the_group_is_lazy():
    """It holds no command before one is asked for."""
    assert isinstance(main, LazyGroup)
    assert main.commands == {}
