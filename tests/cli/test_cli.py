"""The group of commands: lazy, and one line for an error."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize(
    ("typed", "meant"), [("dotcor", "doctor"), ("veiw", "view"), ("simulte", "simulate")]
)
def test_an_unknown_command_names_the_nearest(typed, meant):
    """And nothing where none is near."""
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: No such command '{typed}'; did you mean {meant}?"
    )


@pytest.mark.parametrize("option", ["--web-port", "--http-port", "--grpc-port"])
@pytest.mark.parametrize("command", ["view", "demo"])
@pytest.mark.parametrize("port", ["-1", "65536", "99999", "http"])
def test_ports_are_checked(command, option, port):
    """A usage error, before anything is started."""
    result = CliRunner().invoke(main, [command, option, port])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_help_needs_no_extra():
    """Every command says what it does where nothing but the base is installed."""
    script = """
import sys
for name in ("flask", "sklearn", "waitress", "starlette", "uvicorn", "grpc", "pandas", "pyarrow",
             "sqlalchemy", "polars", "scipy", "demo_service"):
    sys.modules[name] = None
from click.testing import CliRunner
from otelml.cli import main
for name in ("demo", "doctor", "drift", "reference", "run", "simulate", "view"):
    result = CliRunner().invoke(main, [name, "--help"])
    print(name, result.exit_code, result.output.startswith("Usage"))
result = CliRunner().invoke(main, ["view"])
print(result.exit_code, result.stderr.strip())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    *helps, view = done.stdout.splitlines()
    assert [line.partition(" ")[2] for line in helps] == ["0 True"] * 7
    assert view == "1 error: otelml view needs an extra: pip install 'otelml[viewer]'"


@pytest.mark.parametrize(
    ("words", "at", "completed"),
    [
        ("otelml d", "1", ["plain,demo", "plain,doctor", "plain,drift"]),
        ("otelml view --w", "2", ["plain,--web-port"]),
    ],
)
def test_shells_complete(words, at, completed):
    """Names of commands, and options of a command."""
    env = {"COMP_WORDS": words, "COMP_CWORD": at, "_OTELML_COMPLETE": "bash_complete"}
    script = "from otelml.cli import main; main(prog_name='otelml')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=False, env={**os.environ, **env},
    )  # fmt: skip
    assert done.stdout.split() == completed
