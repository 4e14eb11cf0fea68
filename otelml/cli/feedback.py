"""``otelml feedback``: labels in bulk, into the store that services share."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from otelml import environment_variables as env
from otelml._feedback import Follower, Taken, import_csv
from otelml._label_options import LabelsFrom
from otelml._prediction import IdReader, codec_of
from otelml._startup import resolve
from otelml.cli._label_source import configured, source_of, source_options
from otelml.exceptions import FeedbackError, LabelSourceError
from otelml.labels import LabelStore
from otelml.semconv_quality import ROW_ACCEPTED, ROW_CONFLICT, ROW_DUPLICATE

_REFUSED = 3
_SHOWN = 20
_LONGEST_WAIT_S = 300.0
_STORE = click.option(
    "--store", envvar=env.OTELML_FEEDBACK_STORE, required=True, help="Database, as SQLAlchemy URL."
)


@click.group()
def command() -> None:
    """Import labels."""


@command.command(name="import", epilog="Example: otelml feedback import labels.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), required=False)
@_STORE
@source_options(with_kafka=False)
def import_labels(file: str | None, store: str, **given: Any) -> None:
    """Put the labels of FILE (CSV), of a query or of an API into the store.

    A second run changes nothing; one that was interrupted goes on where it was.

    Columns: id or key, actual; source, reviewer and timestamp where known. Ids are checked with
    OTELML_SECRET; OTELML_FEEDBACK_UNSIGNED=accept takes those that no key vouches for. Exits with
    3 where rows were refused.
    """
    source = source_of(given)
    if (file is None) == (source is None):
        raise click.UsageError("say one of FILE, --sql and --rest")
    kept = LabelStore(store)
    refused = _of_file(file, kept) if source is None else _of_source(source, kept)
    if refused:
        sys.exit(_REFUSED)


def _reader(kept: LabelStore) -> IdReader:
    """Return what reads ids of every service that has the key."""
    options = resolve({}).feedback
    return IdReader(options, codec_of(options), kept.contents)


def _bar() -> Progress:
    return Progress(console=Console(file=sys.stderr), disable=not sys.stderr.isatty())


def _of_file(file: str | None, kept: LabelStore) -> bool:
    with _bar() as progress:
        task = progress.add_task("labels", total=None)

        def refuse(row: int, error: FeedbackError) -> None:
            click.echo(f"row {row}: {error}", err=True)

        summary = import_csv(
            str(file),
            kept,
            _reader(kept),
            on_refused=refuse,
            on_progress=lambda rows: progress.advance(task, rows),
        )
    _tell(summary.done, summary.accepted, summary.duplicates, summary.conflicts, summary.refused)
    return bool(summary.refused)


class _Told:
    """Counts what became of rows, and says which were refused.

    Args:
        progress: Shows how many there were.
        task: Its task.
    """

    def __init__(self, progress: Progress | None = None, task: TaskID | None = None) -> None:
        self._progress, self._task = progress, task
        self.rows = 0
        self.kinds: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def take(self, taken: Taken) -> None:
        """Take what became of a batch."""
        for place, error in taken.refused:
            if sum(self.refused.values()) < _SHOWN:
                click.echo(f"row {self.rows + place + 1}: {error}", err=True)
            self.refused[error.reason] += 1
        rows = len(taken.labels) + len(taken.refused)
        self.rows += rows
        self.kinds.update(taken.counts())
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, rows)


def _of_source(source: LabelsFrom, kept: LabelStore) -> bool:
    with _bar() as progress:
        told = _Told(progress, progress.add_task("labels", total=None))
        follower = Follower(source, kept, _reader(kept), told.take)
        try:
            mine = follower.read(threading.Event())
            follower.give_back()
        finally:
            follower.close()
    if not mine:
        raise LabelSourceError(
            f"another process reads {source.name} into this store; stop it, or say another --name",
            "lease",
        )
    kinds = told.kinds
    _tell(told.rows, kinds[ROW_ACCEPTED], kinds[ROW_DUPLICATE], kinds[ROW_CONFLICT], told.refused)
    return bool(told.refused)


def _tell(
    rows: int, accepted: int, duplicates: int, conflicts: int, refused: dict[str, int]
) -> None:
    click.echo(f"rows        {rows}")
    click.echo(f"accepted    {accepted}")
    click.echo(f"duplicates  {duplicates}")
    click.echo(f"conflicts   {conflicts}")
    for reason, count in sorted(refused.items()):
        click.echo(f"refused     {count} {reason}")


@command.command(epilog="Example: otelml feedback follow --kafka localhost:9092 --topic outcomes")
@_STORE
@click.option("--every", default="1m", show_default=True, help="Time between two looks.")
@source_options(with_kafka=True)
def follow(store: str, every: str, **given: Any) -> None:
    """Put labels into the store as they appear, until Ctrl-C.

    Without an option that says a source, those of [tool.otelml.feedback] in pyproject.toml.
    """
    said = source_of(given, every)
    sources = configured() if said is None else (said,)
    if not sources:
        raise click.UsageError("say one of --sql, --rest and --kafka")
    kept = LabelStore(store)
    followed = [_Followed(source, kept) for source in sources]
    click.echo(f"following {', '.join(one.name for one in followed)}; Ctrl-C ends it", err=True)
    try:
        while True:
            for one in followed:
                one.look()
            time.sleep(max(0.0, min(one.due for one in followed) - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        for one in followed:
            one.end()


class _Followed:
    """A source that is followed by the command."""

    def __init__(self, source: LabelsFrom, kept: LabelStore) -> None:
        self.name, self._every_s = source.name, source.every_s
        self.due = 0.0
        self._failures = 0
        self._told = _Told()
        self._follower = Follower(source, kept, _reader(kept), self._told.take)

    def look(self) -> None:
        """Read what there is, where it is time for that, and say what came."""
        if time.monotonic() < self.due:
            return
        before, kinds = self._told.rows, Counter(self._told.kinds)
        wait_s = self._every_s
        try:
            self._follower.read(threading.Event())
            self._failures = 0
        except (FeedbackError, LabelSourceError) as error:
            self._failures += 1
            wait_s = max(
                min(2.0**self._failures, _LONGEST_WAIT_S), getattr(error, "wait_s", 0) or 0
            )
            click.echo(f"{self.name}: {error}; again in {wait_s:.0f} s", err=True)
        self.due = time.monotonic() + wait_s
        if self._told.rows > before:
            new = self._told.kinds - kinds
            parts = ", ".join(f"{count} {kind}" for kind, count in sorted(new.items()))
            click.echo(f"{self.name}: {self._told.rows - before} rows: {parts}")

    def end(self) -> None:
        """Let go of the source."""
        try:
            self._follower.give_back()
        except FeedbackError as error:
            click.echo(f"{self.name}: {error}", err=True)
        self._follower.close()
