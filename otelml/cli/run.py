"""``otelml run``: a command, with otelml in every Python process that it starts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import MutableMapping
from pathlib import Path

import click

from otelml import _process
from otelml import environment_variables as env
from otelml._options import check_propagators
from otelml._startup import resolve
from otelml.exceptions import OtelmlError

# As shells have them.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127

_AUTO = str(Path(__file__).resolve().parent.parent / "_zero_code")


class _CannotRunError(OtelmlError):
    """The command cannot be run.

    Args:
        message: Why.
        exit_code: What a shell would exit with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _executable(command: str) -> str:
    """Return the path of a command: beside this Python, else on PATH.

    Another Python has no otelml in it, unless an activated environment says that it is meant.

    Raises:
        _CannotRunError: There is no such command.
    """
    beside = Path(sys.executable).parent
    on_path = shutil.which(command)
    active = os.environ.get("VIRTUAL_ENV")
    if active and on_path and Path(active) in Path(on_path).parents:
        return on_path
    found = shutil.which(command, path=str(beside)) or on_path
    if found is not None:
        return found
    if Path(command).is_file():
        script = command.endswith(".py")
        hint = f"otelml run -- python {command}" if script else f"chmod +x {command}"
        message = f"{command} is a file, not a command; try: {hint}"
        raise _CannotRunError(message, _NOT_EXECUTABLE)
    if os.sep in command and Path(command).is_dir():
        raise _CannotRunError(f"{command} is a directory, not a command", _NOT_EXECUTABLE)
    raise _CannotRunError(
        f"command not found: {command}; it is not on PATH and not in {beside}", _NOT_FOUND
    )


def _prepare(environ: MutableMapping[str, str]) -> None:
    """Put the folder of our sitecustomize first on PYTHONPATH, and say whose stdout it is."""
    _process.offer_stdout(environ)
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    environ["PYTHONPATH"] = os.pathsep.join([_AUTO, *(path for path in paths if path != _AUTO)])


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example: otelml run --service-name loan-api -- gunicorn -w 4 app:app",
)
@click.option("--service-name", help="Sets OTEL_SERVICE_NAME.")
@click.option("--model", help=f"Sets {env.OTELML_MODEL}.")
@click.option("--model-version", help=f"Sets {env.OTELML_MODEL_VERSION}.")
@click.option("--endpoint", help="Sets OTEL_EXPORTER_OTLP_ENDPOINT.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    service_name: str | None,
    model: str | None,
    model_version: str | None,
    endpoint: str | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND with otelml in every Python process that it starts.

    All other settings come from the environment and pyproject.toml, as with otelml.init().
    """
    executable = _executable(command[0])
    for variable, value in (
        ("OTEL_SERVICE_NAME", service_name),
        (env.OTELML_MODEL, model),
        (env.OTELML_MODEL_VERSION, model_version),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ):
        if value is not None:
            os.environ[variable] = value
    check_propagators()
    resolve({})  # a wrong setting is told here, once, and not by every process
    _prepare(os.environ)
    sys.stdout.flush()
    try:
        # In place of this process: signals and the exit code need no passing on. Python finds
        # its environment by the path it is called by.
        os.execv(executable, [executable, *command[1:]])  # noqa: S606 - the user's own command
    except OSError as error:
        message = f"{executable} cannot be run: {error.strerror}"
        raise _CannotRunError(message, _NOT_EXECUTABLE) from error
