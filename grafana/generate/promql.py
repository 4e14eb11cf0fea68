"""Small pieces of PromQL."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.generate.names import label, metric_name
from otelml.semconv import OVERFLOW_VALUE, Metric

__all__ = [
    "added",
    "diagonal",
    "equals",
    "grew",
    "grown",
    "increase",
    "known",
    "matches",
    "present",
    "quantile",
    "rate",
    "sum_by",
    "vector",
]


def vector(metric: Metric | str, *matchers: str, part: str = "") -> str:
    """Return a selector: a metric's series (``part`` of a histogram) that satisfy the matchers."""
    name = metric if isinstance(metric, str) else metric_name(metric)
    name += f"_{part}" if part else ""
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def equals(attribute: str, value: str) -> str:
    """Return the matcher ``attribute="value"``."""
    return f'{label(attribute)}="{value}"'


def matches(attribute: str, pattern: str) -> str:
    """Return the matcher ``attribute=~"pattern"``."""
    return f'{label(attribute)}=~"{pattern}"'


def present(attribute: str) -> str:
    """Return the matcher for series that have an attribute."""
    return f'{label(attribute)}!=""'


def known(attribute: str) -> str:
    """Return the matcher for series that have an attribute which the cap has not folded."""
    return f'{label(attribute)}!~"{OVERFLOW_VALUE}|"'


def rate(selector: str, window: str) -> str:
    """Return the increase a second over a window."""
    return f"rate({selector}[{window}])"


def increase(selector: str, window: str, offset: str = "") -> str:
    """Return the increase over a window, which ends ``offset`` ago."""
    past = f" offset {offset}" if offset else ""
    return f"increase({selector}[{window}]{past})"


def sum_by(labels: Sequence[str], expression: str) -> str:
    """Return a sum that keeps some labels."""
    return f"sum by ({', '.join(labels)}) ({expression})"


def quantile(share: float, metric: Metric, by: Sequence[str], window: str, *matchers: str) -> str:
    """Return a quantile of a histogram, by some labels."""
    buckets = rate(vector(metric, *matchers, part="bucket"), window)
    return f"histogram_quantile({share:g}, {sum_by((*by, 'le'), buckets)})"


def grown(counter: str, window: str) -> str:
    """Return by how much each counter grew over a window, all of it for one that is new since.

    It is new if it was not there for a day: Prometheus itself may have been away.
    """
    before = f"last_over_time({counter}[1d] offset {window})"
    return f"({counter} unless {before}) or {increase(counter, window)}"


def added(metric: Metric | str, window: str) -> str:
    """Return by how much a counter grew over a window, over all of its series."""
    return f"sum({grown(vector(metric), window)}) or vector(0)"


def diagonal(cells: str, by: Sequence[str], actual: str, predicted: str) -> str:
    """Keep the cells of a confusion matrix whose labels are the same.

    PromQL compares labels only by matching. A dollar sign would be a variable of Grafana's.

    Args:
        cells: Counts by ``by`` and both labels.
        by: Labels that tell the matrices apart.
        actual: The label of the true class.
        predicted: That of the predicted class.
    """
    rows = sum_by((*by, actual), cells)
    same = f'label_join({rows}, "{predicted}", "", "{actual}")'
    return f"({cells} and on ({', '.join((*by, actual, predicted))}) {same})"


def grew(metrics: Sequence[Metric | str], by: Sequence[str], window: str) -> str:
    """Return by how much counters grew over a window, where they did.

    A counter whose first sample is not 0 has grown too, which ``increase`` does not see. It is
    new if it was not there for a day: Prometheus itself may have been away.
    """
    parts = []
    for metric in metrics:
        counter = vector(metric)
        before = f"last_over_time({counter}[1d] offset {window})"
        parts.append(
            f"({sum_by(by, increase(counter, window))} > 0\n"
            f"  or {sum_by(by, f'{counter} unless {before}')} > 0)"
        )
    return "\nor ".join(parts)
