"""``otelml demo``: the demo service, scenario traffic and the viewer, in one process group."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

import click

from otelml import environment_variables as env
from otelml.cli._demo_files import (
    demo_folder,
    demo_secret,
    environment_of,
    import_from,
    model_folder,
)
from otelml.cli._ports import OWN_PORT
from otelml.cli._processes import Child, ProcessGroup
from otelml.exceptions import MissingDependencyError, OtelmlError, PortInUseError

_NEEDS = ("flask", "sklearn", "waitress", "starlette", "grpc", "sqlalchemy", "jinja2")
_TICK_S = 0.2
# Phases of the traffic take 20 s: checks come as often, and there is no day to learn from.
_DRIFT = {
    env.OTELML_DRIFT_EVERY: "5s",
    env.OTELML_DRIFT_WINDOW_ROWS: "60",
    env.OTELML_DRIFT_CALIBRATE_FOR: "0",
}


class _Ended(Exception):  # noqa: N818 - the end of the demo is no error
    """A signal asked for the end."""


def _end(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
    raise _Ended


def _check(ports: dict[str, int]) -> None:
    for module in _NEEDS:
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError("otelml demo", "demo")
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise PortInUseError(port, option) from None


def _train(folder: Path) -> None:
    import_from(folder)
    from demo_service import artifact

    environment = environment_of(folder, os.environ)
    if artifact.exists(model_folder(environment)):
        return
    click.echo("training the demo model (20,000 loan applications) …")
    done = subprocess.run(
        [sys.executable, "-m", "demo_service.train"],
        env=environment,
        check=False,
    )
    if done.returncode:
        raise OtelmlError("the demo model could not be trained; see the message above")


@click.command()
@click.option("--scenario", default="all", show_default=True, help="Scenario of the traffic.")
@click.option("--rate", default=10.0, show_default=True, help="Requests a second.")
@click.option("--duration", type=float, help="Seconds until the demo ends by itself.")
@click.option("--no-traffic", is_flag=True, help="Start no traffic; use the web form.")
@click.option("--endpoint", help="Send to this OTLP/HTTP endpoint instead of the viewer.")
@click.option(
    "--port", type=OWN_PORT, default=8000, show_default=True, help="Port of the demo service."
)
@click.option(
    "--web-port", type=OWN_PORT, default=8090, show_default=True, help="Port of the viewer's pages."
)
@click.option(
    "--http-port", type=OWN_PORT, default=4318, show_default=True, help="Port of OTLP over HTTP."
)
@click.option(
    "--grpc-port", type=OWN_PORT, default=4317, show_default=True, help="Port of OTLP over gRPC."
)
def command(
    scenario: str,
    rate: float,
    duration: float | None,
    no_traffic: bool,
    endpoint: str | None,
    port: int,
    web_port: int,
    http_port: int,
    grpc_port: int,
) -> None:
    """Run the demo service with traffic, and show what it emits in the viewer."""
    ports = {"--port": port}
    if endpoint is None:
        ports |= {"--web-port": web_port, "--http-port": http_port, "--grpc-port": grpc_port}
    folder_of_demo = demo_folder()
    _check(ports)
    _train(folder_of_demo)
    viewer_ports = None if endpoint else (web_port, http_port, grpc_port)
    target = endpoint or f"http://127.0.0.1:{http_port}"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    with tempfile.TemporaryDirectory(prefix="otelml-demo-") as folder:
        try:
            with ProcessGroup(Path(folder)) as group:
                traffic = _start(
                    group,
                    folder,
                    viewer_ports,
                    target,
                    port,
                    None if no_traffic else (scenario, rate),
                )
                _watch(group, traffic, duration)
        except _Ended:
            pass
        click.echo("\nstopped")


def _start(
    group: ProcessGroup,
    folder: str,
    viewer: tuple[int, int, int] | None,
    target: str,
    port: int,
    traffic: tuple[str, float] | None,
) -> Child | None:
    environment = {
        **environment_of(demo_folder(), os.environ),
        "OTEL_EXPORTER_OTLP_ENDPOINT": target,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "DEMO_FAULTS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("OTEL_METRIC_EXPORT_INTERVAL", "5000")
    for name, value in _DRIFT.items():
        environment.setdefault(name, value)
    environment.setdefault(env.OTELML_FEEDBACK_STORE, f"sqlite:///{folder}/labels.db")
    environment.setdefault(env.OTELML_SECRET, demo_secret(os.environ))
    environment.setdefault(env.OTELML_REVIEW_BELOW, "0.6")
    environment.setdefault(env.OTELML_REVIEW_FEATURES, "*")
    if viewer is not None:
        ui, http, grpc = viewer
        page = f"http://127.0.0.1:{ui}"
        environment["OTELML_VIEWER_URL"] = page
        arguments = ["--web-port", str(ui), "--http-port", str(http), "--grpc-port", str(grpc)]
        child = group.start("viewer", ["-m", "otelml", "view", *arguments], environment)
        group.wait_until_up(child, f"{page}/healthz", 30)
        click.echo(f"viewer        {page}")
    service = f"http://127.0.0.1:{port}"
    child = group.start("service", ["-m", "demo_service", "--port", str(port)], environment)
    group.wait_until_up(child, f"{service}/healthz", 60)
    click.echo(f"demo service  {service}")
    click.echo(f"reviewers     {service}/ml/review")
    click.echo(f"telemetry to  {target}")
    click.echo("privacy       internal: applicants are invented, so exact values are sent")
    click.echo("Ctrl-C ends all of it\n")
    if traffic is None:
        return None
    scenario, rate = traffic
    arguments = [service, "--scenario", scenario, "--rate", str(rate), "--duration", "86400"]
    return group.start(
        "traffic", ["-m", "otelml", "simulate", *arguments], environment, on_terminal=True
    )


def _watch(group: ProcessGroup, traffic: Child | None, duration: float | None) -> None:
    started = time.monotonic()
    while duration is None or time.monotonic() - started < duration:
        ended = group.ended()
        if ended is not None and ended is not traffic:
            raise OtelmlError(f"the {ended.name} has ended:\n{ended.tail()}")
        if ended is not None and ended.process.returncode:
            raise OtelmlError("the traffic has ended; see its message above")
        time.sleep(_TICK_S)
