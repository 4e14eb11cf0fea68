"""``otelml doctor``: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TextIO

import click
from rich.console import Console
from rich.table import Table

from otelml._startup import resolve, running
from otelml.cli import _doctor_app as application
from otelml.cli import _doctor_endpoint as endpoint
from otelml.cli import _doctor_installation as installation
from otelml.cli._doctor_ids import check_ids
from otelml.cli._finding import Finding
from otelml.cli._inventory import inventory
from otelml.exceptions import ConfigurationError

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def examine(app: str | None, timeout_s: float) -> Iterator[Finding]:
    """Return what is found, one thing after the other.

    Args:
        app: An application to import and look at, as ``module:attribute``.
        timeout_s: Seconds that an endpoint may take.
    """
    if app is not None:  # what was asked for comes first
        loaded = application.load(app)
        yield loaded
        if loaded.status != "fail":
            yield application.check_log_handlers()
            yield from application.check_flask(app)
    yield from installation.check_versions()
    yield installation.check_shortcuts()
    yield from installation.check_settings(os.environ)
    yield from _ids()
    yield from installation.check_double_instrumentation(os.environ)
    yield installation.check_log_settings(os.environ)
    yield from endpoint.check_endpoints(timeout_s)


def _ids() -> Iterator[Finding]:
    """Say what ids are, by the options of the application or of the environment."""
    telemetry = running()
    try:
        config = telemetry.config if telemetry is not None else resolve({})
    except ConfigurationError:
        return  # said before
    yield check_ids(config.feedback)


def _print(finding: Finding, out: TextIO) -> None:
    mark = click.style(f"{finding.status:<4}", fg=_COLOURS[finding.status])
    click.echo(f"{mark}  {finding.check}: {finding.detail}", file=out)
    if finding.mend:
        click.echo(f"      -> {finding.mend}", file=out)


def _print_data(app: str | None, as_json: bool, out: TextIO) -> None:
    """Print what is sent with the options of ``app``, or with those of the environment."""
    if app is not None:
        sys.stdout = sys.stderr
        loaded = application.load(app)
        if loaded.status == "fail":
            raise click.ClickException(loaded.detail)
    telemetry = running()
    config = telemetry.config if telemetry is not None else resolve({})
    sent = list(inventory(config))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in sent], indent=2), file=out)
        return
    click.echo(f"privacy: {config.privacy.level}", file=out)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("signal", "what", "class", "what leaves", "switch"):
        table.add_column(head, overflow="fold")
    for one in sent:
        table.add_row(one.signal, one.what, one.kind, one.sent, one.switch)
    width = None if out.isatty() else 160
    Console(file=out, width=width).print(table)


@click.command()
@click.option("--app", metavar="MODULE[:NAME]", help="Also import and check this application.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds for each endpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--data", is_flag=True, help="Print what the service sends of its data, and stop.")
@click.pass_context
def doctor(ctx: click.Context, app: str | None, timeout: float, as_json: bool, data: bool) -> None:
    """Check the installation, the settings and the endpoint; say how to fix what is wrong.

    The exit code is 1 where a check fails.
    """
    out = sys.stdout
    if data:
        _print_data(app, as_json, out)
        return
    if app is not None:
        sys.stdout = sys.stderr  # what the application prints is no part of the answer
    failed = False
    findings: list[Finding] = []
    for finding in examine(app, timeout):
        failed = failed or finding.status == "fail"
        findings.append(finding)
        if not as_json:
            _print(finding, out)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2), file=out)
    ctx.exit(1 if failed else 0)
