"""``otelml predict``: rows to a model server, and how long its answers take."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from otelml.cli._inference import (
    PROTOCOLS,
    Answer,
    Sent,
    Target,
    bodies_of,
    protocol_of,
    read_payload,
    send_all,
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LINE_EVERY = 1_000
_INTERRUPTED = 130


@click.command()
@click.argument("url")
@click.option(
    "--data",
    type=_FILE,
    required=True,
    help="A row (JSON), rows (CSV, Parquet, JSON), or a whole body of MLflow or V2 (JSON).",
)
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), help="How rows are sent; by the URL's path."
)
@click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Rows of a request."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Most requests that may be unanswered at a time.",
)
@click.option("--repeat", type=click.IntRange(1), default=1, help="Send all of it so many times.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answers: a JSON document a line, in the order they come.",
)
def command(
    url: str,
    data: Path,
    protocol: str | None,
    batch: int,
    workers: int,
    repeat: int,
    timeout: float,
    output: Path | None,
) -> None:
    """Send rows to URL, such as http://127.0.0.1:5000/invocations or /v2/models/loan/infer.

    One request: its answer is printed, with its trace id. More: how they went, and how long they
    took. The exit code is 1 where a request failed.
    """
    target = Target.of(url)
    whole, rows = read_payload(data)
    if whole is not None:
        bodies = [json.dumps(whole).encode()]
    else:
        bodies = list(bodies_of(protocol or protocol_of(target.path), rows, batch))
    sent = Sent(len(bodies) * repeat)
    stop = threading.Event()
    console = Console(stderr=sent.total == 1)
    last: Answer | None = None
    written = output.open("w", encoding="utf-8") if output is not None else None
    try:
        with _Display(console, sent) as display:
            for last in send_all(
                target, bodies * repeat, workers=workers, timeout_s=timeout, stop=stop
            ):
                sent.add(last)
                display.update()
                if written is not None:
                    written.write(_line(last))
    except KeyboardInterrupt:
        stop.set()
    finally:
        if written is not None:
            written.close()
    if sent.total == 1 and last is not None:
        _print_one(last)
    else:
        console.print(_summary(sent))
    if stop.is_set():
        sys.exit(_INTERRUPTED)
    if sent.failed:
        sys.exit(1)


class _Display:
    """A bar on a terminal, a line now and then elsewhere; nothing for one request."""

    def __init__(self, console: Console, sent: Sent) -> None:
        self._sent = sent
        self._progress: Progress | None = None
        if sent.total > 1 and console.is_terminal:
            self._progress = Progress(
                BarColumn(), TextColumn("{task.fields[counts]}"), TimeElapsedColumn(),
                console=console,
            )  # fmt: skip
            self._task = self._progress.add_task("", total=sent.total, counts="")

    def __enter__(self) -> _Display:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self) -> None:
        """Show how far it is."""
        sent = self._sent
        counts = f"{sent.count:,} of {sent.total:,} sent, {sum(sent.failed.values()):,} failed"
        if self._progress is not None:
            self._progress.update(self._task, completed=sent.count, counts=counts)
        elif sent.count % _LINE_EVERY == 0:
            click.echo(counts)


def _line(answer: Answer) -> str:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = answer.body.decode("utf-8", "replace")
    told = {
        "request": answer.number,
        "status": answer.status,
        "trace_id": answer.trace_id,
        "prediction_id": answer.prediction_id,
        "duration_s": round(answer.duration_s, 6),
        "answer": body,
    }
    return json.dumps(told) + "\n"


def _print_one(answer: Answer) -> None:
    if answer.body:
        click.echo(answer.body.decode("utf-8", "replace").rstrip("\n"))
    took = f"{answer.status or answer.error} in {answer.duration_s * 1e3:,.1f} ms"
    click.echo(f"{took}, trace {answer.trace_id}", err=True)
    if answer.prediction_id:
        click.echo(f"prediction {answer.prediction_id}", err=True)


def _summary(sent: Sent) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    failed = sum(sent.failed.values())
    table.add_row("sent", f"{sent.count:,}")
    table.add_row("ok", f"{sent.count - failed:,}")
    for reason, number in sorted(sent.failed.items()):
        table.add_row(f"failed, {reason}", f"{number:,}")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        shown = f"{sent.quantile_s(share) * 1e3:,.1f} ms" if sent.latencies_s else "-"
        table.add_row(name, shown)
    if sent.slowest is not None:
        slow = sent.slowest
        table.add_row("slowest", f"{slow.duration_s * 1e3:,.1f} ms, trace {slow.trace_id}")
    for answer in sent.failures:
        table.add_row(f"failed, {answer.error or answer.status}", f"trace {answer.trace_id}")
    return table
