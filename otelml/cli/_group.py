"""The group of commands: each is imported when it is called, and errors are one line."""

from __future__ import annotations

import importlib
import re
from typing import IO, Any

import click
from click.shell_completion import CompletionItem

from otelml._hints import hint
from otelml._options import settle_propagators
from otelml._shown import shown
from otelml._version import __version__
from otelml.exceptions import MissingDependencyError, OtelmlError

_QUOTED = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"")
# What each does, and the extra without which it cannot be imported.
_COMMANDS = {
    "demo": ("Run the demo service, its traffic and the viewer.", "demo"),
    "doctor": ("Check the installation, the settings and the endpoint.", "all"),
    "drift": ("Compare data with a reference.", "all"),
    "feedback": ("Import labels into their store.", "labels"),
    "predict": ("Send rows to a model server, and time its answers.", "all"),
    "proxy": ("Record predictions of a model server in front of it.", "proxy"),
    "reference": ("Build, show and merge references.", "all"),
    "run": ("Run a command with otelml, without a code change.", "all"),
    "simulate": ("Send scenario traffic to a service.", "all"),
    "view": ("Receive telemetry and show it in the browser.", "viewer"),
}


class _OneLineError(click.ClickException):
    """An error with its remedy, on one line.

    Args:
        message: The error.
        exit_code: The exit code of the command.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # click asks the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it to stderr."""
        click.echo(f"error: {' '.join(self.message.split())}", file=file, err=file is None)


def _without_values(error: click.UsageError) -> str:
    """Return what click says is wrong, without a value that may be a secret; paths are none."""
    message, kind = error.message, None
    if isinstance(error, click.BadParameter) and error.param is not None:
        kind = error.param.type
    if isinstance(kind, (click.Path, click.File)):
        return message
    if message.startswith("Got unexpected extra argument"):
        return "Got an argument too many"
    words = [*_COMMANDS, *(str(one) for one in getattr(kind, "choices", ()))]

    def masked(found: re.Match[str]) -> str:
        text = found[0][1:-1]
        return found[0] if text in words or text.startswith("--") else shown(text, words)

    return _QUOTED.sub(masked, message)


class LazyGroup(click.Group):
    """Imports a command's module only for that command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return a command: its module's ``command``, or what is named like the module."""
        if cmd_name not in _COMMANDS:
            return None
        settle_propagators()
        try:
            module = importlib.import_module(f"otelml.cli.{cmd_name}")
        except MissingDependencyError as error:
            raise _OneLineError(str(error)) from error
        except ImportError as error:
            if (error.name or "otelml").partition(".")[0] == "otelml":
                raise
            missing = MissingDependencyError(f"otelml {cmd_name}", _COMMANDS[cmd_name][1])
            raise _OneLineError(f"{missing} ({error})") from error
        for name in ("command", cmd_name):
            found = getattr(module, name, None)
            if isinstance(found, click.Command):
                return found
        raise TypeError(f"otelml.cli.{cmd_name} has no click command")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; for one that does not exist, say the nearest."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            known = sorted(_COMMANDS)
            ctx.fail(f"No such command {shown(name, known)}; {hint(name, known)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without importing any."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        names = sorted(name for name in _COMMANDS if name.startswith(incomplete))
        return [CompletionItem(name, help=_COMMANDS[name][0]) for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][0]) for name in sorted(_COMMANDS)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of ours is one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.message = _without_values(error)  # type: ignore[misc] # it is what click shows
            raise
        except OtelmlError as error:
            raise _OneLineError(str(error), getattr(error, "exit_code", 1)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otelml")
def main() -> None:
    """OpenTelemetry for services that serve machine-learning models."""
