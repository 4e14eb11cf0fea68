"""``otelml view``: the local viewer."""

from __future__ import annotations

import re
from pathlib import Path

import click

from otelml.cli._ports import PORT

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
            self.fail(f"{value!r} is not a time such as 30m, 24h or 7d", param, ctx)
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
def command(
    host: str,
    web_port: int,
    http_port: int,
    grpc_port: int,
    db: Path | None,
    retention: float,
    max_size: float,
) -> None:
    """Receive OTLP from any sender, and show it in the browser."""
    from otelml.viewer import Viewer  # here, as its help needs no extra

    viewer = Viewer(host, grpc_port, http_port, web_port, db, retention, max_size)
    viewer.start()
    ports = viewer.ports
    click.echo(f"viewer     {viewer.url}")
    click.echo(f"OTLP/HTTP  http://{host}:{ports.http}")
    click.echo(f"OTLP/gRPC  {host}:{ports.grpc}")
    click.echo("Ctrl-C ends it")
    viewer.serve_until_signal()
