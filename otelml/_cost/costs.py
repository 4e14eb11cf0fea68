"""Rates and bills put together, and the thread that looks at the bill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from otelml import _guard, _threads, semconv
from otelml._cost import cost_explorer
from otelml._cost.cost_explorer import CostError
from otelml._cost.spent import Spent
from otelml._suppression import suppressed
from otelml.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from otelml.config import CostOptions

_RETRY_S = 3600.0
# Each look costs money: a process that does not live this long, or fails to start over and over,
# takes none.
_FIRST_LOOK_S = 60.0


def check(options: CostOptions) -> None:
    """Refuse what cannot work.

    Raises:
        MissingDependencyError: The bill is asked for, and boto3 is not installed.
    """
    if not (options.enabled and options.aws):
        return
    # Here, on the caller's thread: a child forked while another thread imports it would wait for
    # that thread, which it does not have, for ever.
    try:
        cost_explorer.load()
    except ImportError:
        raise MissingDependencyError("CostOptions(aws=True)", "aws") from None


def _today() -> date:
    return datetime.now(timezone.utc).date()


class Costs:
    """What the process costs; the bill is looked at on a thread of its own.

    Args:
        options: The options.
        create_client: Makes the client of Cost Explorer, on that thread.
        today: The day, in UTC.
        first_look_s: Seconds from the start to the first look.
    """

    def __init__(
        self,
        options: CostOptions,
        create_client: Callable[[], Any] = cost_explorer.create_client,
        today: Callable[[], date] = _today,
        first_look_s: float = _FIRST_LOOK_S,
    ) -> None:
        self._options = options
        self._create_client = create_client
        self._today = today
        self._first_look_s = first_look_s
        self._spent = Spent()
        self._stop = _threads.Event()
        self._thread: _threads.Thread | None = None

    @property
    def configured(self) -> bool:
        """Whether there is anything to report."""
        return self._options.enabled and (self._options.hourly_rate is not None or self._asks_aws)

    @property
    def _asks_aws(self) -> bool:
        return self._options.enabled and self._options.aws

    def observe(self) -> Iterable[tuple[float, dict[str, str]]]:
        """Return what has been spent, by source."""
        for source, amount in self._spent.read():
            yield amount, {semconv.ML_COST_SOURCE: source}

    def start(self) -> None:
        """Begin to count."""
        if not self.configured:
            return
        if self._options.hourly_rate is not None:
            self._spent.set_rate(semconv.COST_HOURLY_RATE, self._options.hourly_rate)
        self._start_thread(self._first_look_s)

    def _start_thread(self, wait_s: float) -> None:
        if self._asks_aws:
            self._stop = _threads.Event()
            self._thread = _threads.Thread(self._run, (self._stop, wait_s), name="otelml-cost")
            with suppress(RuntimeError):  # before a fork: the child starts its own
                self._thread.start()

    def _run(self, stop: _threads.Event, wait_s: float) -> None:
        while not stop.wait(wait_s):
            found = _guard.contain("cost", self._look)
            wait_s = self._options.aws_interval_s if found else _RETRY_S

    def _look(self) -> bool:
        try:
            with suppressed():
                client = self._create_client()
                rate = cost_explorer.hourly_rate(client, self._options, self._today())
        except CostError as error:
            _guard.report("cost", error, expected=True)
            return False
        self._spent.set_rate(semconv.COST_AWS, rate)
        return True

    def stop(self) -> None:
        """Look at the bill no more; a look under way is not waited for."""
        self._stop.set()

    def after_fork(self) -> None:
        """Begin anew in a child, with the rate that the parent knew: each look costs money."""
        self._spent.after_fork()
        if self._thread is not None and not self._stop.is_set():
            known = semconv.COST_AWS in dict(self._spent.read())
            self._start_thread(self._options.aws_interval_s if known else self._first_look_s)
