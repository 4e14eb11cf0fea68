"""``otelml proxy``: predictions of a model server, read from what passes through."""

from __future__ import annotations

import os

import click

from otelml.cli._ports import PORT

_NAME = "model-proxy"
_STOP_S = 5.0


@click.command()
@click.argument("upstream")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on.")
@click.option("--features", metavar="PATH", help="Where requests of another API have features.")
@click.option("--label", metavar="PATH", help="Where its answers have the label.")
@click.option("--value", metavar="PATH", help="Where its answers have the number of a regression.")
@click.option("--confidence", metavar="PATH", help="Where its answers have the confidence, 0 to 1.")
@click.option("--path", help="Its prediction requests; all POST requests by default.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    help="Seconds that the model server may be silent for; as long as the client waits by default.",
)
@click.option("--insecure", is_flag=True, help="Take any certificate of the model server.")
def command(
    upstream: str,
    host: str,
    port: int,
    features: str | None,
    label: str | None,
    value: str | None,
    confidence: str | None,
    path: str | None,
    timeout: float | None,
    insecure: bool,
) -> None:
    """Pass requests on to the model server at UPSTREAM, and record its predictions.

    MLflow (/invocations) and Open Inference Protocol V2 (/v2/models/NAME/infer) are known; another
    JSON API is by paths such as $.rows or result[0].label. Model, reference, privacy and endpoint
    come from the environment and pyproject.toml, as with otelml.init().
    """
    import otelml  # here, as its help needs no extra
    from otelml._hosts import is_loopback
    from otelml._proxy import Protocols, Reader, Template, Upstream, application, serve

    if path is not None and not path.startswith("/"):
        raise click.UsageError("--path must begin with /")
    template = Template.of(features, label, value, confidence)
    if path is not None and template is None:
        raise click.UsageError("--path goes with --features, --label, --value or --confidence")
    server = Upstream(upstream, timeout_s=timeout, verify=not insecure)
    named = "OTEL_SERVICE_NAME" in os.environ
    telemetry = otelml.init(None if named else _NAME, instrument=("asgi", "logging", "system"))
    reader = Reader()
    reader.start()
    local = is_loopback(host)
    proxied = application(server, Protocols(template, path), reader, local=local)

    def ready(url: str) -> None:
        click.echo(f"proxy      {url}")
        click.echo(f"upstream   {server.origin}")
        if not local:
            click.echo("Warning: whoever reaches it reaches the model server.", err=True)
        click.echo("Ctrl-C ends it")

    try:
        serve(proxied, server, host, port, ready)
    finally:
        reader.stop(_STOP_S)
        telemetry.shutdown()
