"""``otelml view``: the local viewer."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import click
from click.core import ParameterSource

from otelml import environment_variables as env
from otelml._shown import shown
from otelml.cli._ports import PORT

_KEEP_ALL_S = 100 * 365 * 86_400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class _Duration(click.ParamType[float]):
    """A time such as ``90s``, ``30m``, ``24h`` or ``7d``; seconds without a unit."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value).strip())
        if match is None:
            self.fail(f"{shown(value)} is not a time such as 30m, 24h or 7d", param, ctx)
        return float(match[1]) * _UNITS[match[2] or "s"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--web-port", type=PORT, default=8090, show_default=True, help="Port of the pages.")
@click.option(
    "--http-port", type=PORT, default=4318, show_default=True, help="Port of OTLP over HTTP."
)
@click.option(
    "--grpc-port", type=PORT, default=4317, show_default=True, help="Port of OTLP over gRPC."
)
@click.option("--db", type=click.Path(path_type=Path, dir_okay=False), help="Keep data in a file.")
@click.option("--retention", type=_Duration(), default="24h", show_default=True, help="Keep for.")
@click.option("--max-size", default=1024.0, show_default=True, help="Megabytes to keep at most.")
@click.option(
    "--import",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Open a file: OTLP JSON (also one document a line), Jaeger's JSON.",
)
@click.option(
    "--cors-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let pages of this origin send OTLP, such as https://shop.example.",
)
@click.option(
    "--token",
    envvar=env.OTELML_VIEWER_TOKEN,
    help="Ask for this bearer token, or password; with a --host that others reach one is made.",
)
@click.option("--no-token", is_flag=True, help="Ask for none there.")
@click.pass_context
def command(
    context: click.Context,
    host: str,
    web_port: int,
    http_port: int,
    grpc_port: int,
    db: Path | None,
    retention: float,
    max_size: float,
    files: tuple[Path, ...],
    origins: tuple[str, ...],
    token: str | None,
    no_token: bool,
) -> None:
    """Receive OTLP from any sender, and show it in the browser."""
    from otelml.viewer import Viewer  # here, as its help needs no extra
    from otelml.viewer.own_process import own_process
    from otelml.viewer.web import is_loopback

    if files and context.get_parameter_source("retention") is ParameterSource.DEFAULT:
        # What is opened may be of any age.
        retention = _KEEP_ALL_S
    is_made = not token and not no_token and not is_loopback(host)
    token = secrets.token_urlsafe(24) if is_made else (token or "").strip()
    viewer = Viewer(host, grpc_port, http_port, web_port, db, retention, max_size, origins, token)
    viewer.start()
    own_process()
    ports = viewer.ports
    traces: dict[str, None] = {}
    for file in files:
        try:
            loaded = viewer.load(file)
        except BaseException:
            viewer.stop()
            raise
        traces |= loaded.trace_ids
        click.echo(f"{file}: {loaded}")
    page = "" if not files else "/traces?range=all"
    if len(traces) == 1:
        page = f"/traces/{next(iter(traces))}?range=all"
    if not is_loopback(host):
        who = "whoever has the token" if token else "whoever reaches it"
        click.echo(f"Warning: {who} can read and write all of this, over plain HTTP.", err=True)
    if is_made:
        click.echo(f"token      {token}")
        click.echo("           senders: OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN;")
        click.echo("           a browser asks for it as the password")
    click.echo(f"viewer     {viewer.url}{page}")
    click.echo(f"OTLP/HTTP  http://{host}:{ports.http}")
    click.echo(f"OTLP/gRPC  {host}:{ports.grpc}")
    click.echo("Ctrl-C ends it")
    viewer.serve_until_signal()
