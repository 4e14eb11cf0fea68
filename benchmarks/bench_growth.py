"""Cost must not grow: not with features, nor with the number of models, nor with uptime."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import otelml
from benchmarks.handwritten import ROW
from benchmarks.harness import Figure, compare
from benchmarks.sides import PER_RUN, Ours


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    runs = 3 if quick else 9
    few = Ours()
    for count in (10, 100, 1000):
        many = Ours(features={f"f{i}": float(i) for i in range(count)})
        yield _against(
            f"features_{count}",
            many,
            few,
            target=1.0 + count / 100,
            runs=runs,
            note=f"request thread with {count} features ÷ 11; the row itself is copied",
        )
    yield from _models(runs)
    old, new = Ours(), Ours()
    old.activate()
    for _ in range(11):
        old.run()
        old.drain()
    yield _against(
        "uptime",
        old,
        new,
        target=1.15,
        runs=runs,
        note="request thread after 11,000 predictions ÷ a fresh one",
    )


def _against(name: str, one: Ours, other: Ours, *, target: float, runs: int, note: str) -> Figure:
    """Return the request thread's cost of one service against another's."""

    def drain() -> None:
        one.drain()
        other.drain()

    return compare(
        name,
        one.run,
        other.run,
        target=target,
        runs=runs,
        per_run=PER_RUN,
        before_ours=one.activate,
        before_theirs=other.activate,
        after_each=drain,
        note=note,
    )


def _models(runs: int) -> Iterator[Figure]:
    service = Ours()

    def predictions_of(count: int) -> Callable[[], None]:
        names = [f"model-{i}" for i in range(count)]

        def run() -> None:
            for i in range(PER_RUN):
                with otelml.prediction(names[i % count], version="3", features=ROW) as p:
                    p.set_result(label="approved", confidence=0.9)
            service.drain()

        return run

    for count in (10, 100):
        yield compare(
            f"models_{count}",
            predictions_of(count),
            predictions_of(1),
            target=1.3,
            runs=runs,
            per_run=PER_RUN,
            clock=time.process_time,
            note=f"total CPU a prediction, {count} models ÷ 1",
        )
