"""``otelml simulate``: scenario traffic against any service."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from otelml.cli._bodies import read_bodies
from otelml.cli._scenarios import SCENARIOS
from otelml.cli._shift import Shift
from otelml.cli._traffic import LABEL_DELAY_S, Traffic, run_traffic

_DEFAULT_DURATION_S = 60.0
_LINE_EVERY_S = 5.0
_OWN_SCENARIOS = ("normal", "slow", "drift", "errors")
_INTERRUPTED = 130
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("url")
@click.option("--scenario", type=click.Choice(SCENARIOS), default="normal", show_default=True)
@click.option(
    "--rate",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=10.0,
    show_default=True,
    help="Requests a second.",
)
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    help="Seconds to send for; 60 without --count.",
)
@click.option("--count", type=click.IntRange(1), help="Requests to send.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Most requests that may be unanswered at a time.",
)
@click.option(
    "--path", default="/predict", show_default=True, help="Path that prediction requests go to."
)
@click.option(
    "--batch-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of requests that send a batch to PATH/batch.",
)
@click.option(
    "--label-delay",
    type=click.FloatRange(0),
    default=LABEL_DELAY_S,
    show_default=True,
    help="Mean seconds from a prediction to its label.",
)
@click.option(
    "--template",
    type=_FILE,
    help="JSON file with the body to send, or a list of bodies to send in turn.",
)
@click.option(
    "--sample",
    type=_FILE,
    help="CSV, Parquet or JSON file of rows to send in turn; with --template, each row stands "
    'where the template has "$row" (or "$values", "$columns").',
)
@click.option(
    "--shift",
    type=float,
    default=1.0,
    show_default=True,
    help="With --scenario drift: by how many of its standard deviations each number moves.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=SHIFT",
    help="Move this number only, by SHIFT standard deviations; repeatable.",
)
@click.option(
    "--reweight",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="With --scenario drift: how far rare levels take the place of frequent ones.",
)
def simulate(
    url: str,
    scenario: str,
    rate: float,
    duration: float | None,
    count: int | None,
    seed: int,
    workers: int,
    path: str,
    batch_share: float,
    label_delay: float,
    template: Path | None,
    sample: Path | None,
    shift: float,
    fields: tuple[str, ...],
    reweight: float,
) -> None:
    """Send scenario traffic to the service at URL: loan applications, or payloads of your own."""
    bodies = read_bodies(template, sample)
    if bodies and scenario not in _OWN_SCENARIOS:
        raise click.UsageError(
            f"--scenario {scenario} needs the built-in loan applications; "
            f"with --template or --sample there are {', '.join(_OWN_SCENARIOS)}"
        )
    if fields and not (bodies and scenario == "drift"):
        raise click.UsageError(
            "--field goes with --scenario drift and payloads of your own (--template or --sample)"
        )
    drift = Shift.of(bodies, shift, _factors(fields), reweight) if scenario == "drift" else None
    if not path.startswith("/"):
        raise click.UsageError(f"--path {path} must begin with /")
    if duration is None and count is None:
        duration = _DEFAULT_DURATION_S
    console = Console()
    with _stop_on_signals() as stop, _Display(console, url, scenario) as display:
        traffic = run_traffic(
            url, scenario, rate, duration, count=count, seed=seed, workers=workers, path=path,
            batch_share=batch_share, bodies=bodies, shift=drift, label_delay=label_delay,
            on_progress=display.update, stop=stop,
        )  # fmt: skip
    console.print(_summary(traffic))
    if stop.is_set():
        sys.exit(_INTERRUPTED)


def _factors(fields: tuple[str, ...]) -> dict[str, float]:
    factors: dict[str, float] = {}
    for text in fields:
        name, equals, factor = text.rpartition("=")
        try:
            factors[name] = float(factor)
        except ValueError:
            equals = ""
        if not equals or not name or not math.isfinite(factors[name]):
            raise click.UsageError(f"--field {text} is not NAME=SHIFT, such as income=1.5")
    return factors


@contextmanager
def _stop_on_signals() -> Generator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set meanwhile; then they do what they did before."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        # Not here: the main thread may hold the event's lock where the signal met it.
        threading.Thread(target=stop.set, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: not Python's to restore
                signal.signal(number, handler)


class _Display:
    """A progress bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, url: str, scenario: str) -> None:
        self._console = console
        self._title = f"{scenario} traffic to {url}"
        self._next_line_s = 0.0
        self._progress: Progress | None = None
        self._show: Callable[[Traffic], None] = self._line

    def __enter__(self) -> _Display:
        if not self._console.is_terminal:
            return self
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.fields[phase]:<12}"), BarColumn(),
            TextColumn("{task.fields[counts]}"), TimeElapsedColumn(), console=self._console,
        )  # fmt: skip
        task = self._progress.add_task(self._title, total=None, phase="", counts="")
        progress = self._progress

        def bar(traffic: Traffic) -> None:
            progress.update(
                task, total=traffic.total, completed=traffic.sent, phase=traffic.phase,
                counts=_counts(traffic),
            )  # fmt: skip

        self._show = bar
        progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, traffic: Traffic) -> None:
        """Show the progress."""
        self._show(traffic)

    def _line(self, traffic: Traffic) -> None:
        if traffic.elapsed_s >= self._next_line_s:
            if not self._next_line_s:
                self._print(self._title)
            self._next_line_s = traffic.elapsed_s + _LINE_EVERY_S
            self._print(f"{time.strftime('%H:%M:%S')}  {traffic.phase:<12}  {_counts(traffic)}")

    def _print(self, text: str) -> None:
        click.echo(text)
        sys.stdout.flush()


def _counts(traffic: Traffic) -> str:
    failed = sum(traffic.failed.values())
    return f"{traffic.sent:,} sent, {traffic.ok:,} ok, {failed:,} failed"


def _summary(traffic: Traffic) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    rate = traffic.sent / traffic.elapsed_s if traffic.elapsed_s else 0.0
    table.add_row("sent", f"{traffic.sent:,} ({rate:.1f}/s)")
    table.add_row("ok", f"{traffic.ok:,}")
    for status, number in sorted(traffic.failed.items()):
        table.add_row(f"failed, {status}", f"{number:,}")
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        table.add_row(
            name, f"{traffic.quantile_s(share) * 1e3:,.1f} ms" if traffic.latencies_s else "-"
        )
    table.add_row("feedback", f"{traffic.feedback_sent:,}")
    if traffic.feedback_failed:
        table.add_row("feedback refused", f"{traffic.feedback_failed:,}")
    return table
