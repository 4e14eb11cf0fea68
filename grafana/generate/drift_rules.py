"""Drift of a fleet, from the counts of all its replicas: recording rules.

Each process counts its values by the reference's bins, so the sum over processes is the count of
the fleet, and what ``otelml.drift`` computes from a window is computed here from sums. An empty
bin counts as 0.0001, bins of missing and infinite values are left out, as there.

Not all processes have the same bins: those of a feature that is learned from the first rows are
of one process, and so are a version's while its reference is being replaced. So what is expected
is that of each process, by the rows that it had, of one that has ended too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.generate import foreign
from grafana.generate.names import label
from grafana.generate.promql import increase, sum_by, vector
from grafana.generate.recorded import Recording
from otelml import semconv

MODEL: Final = (
    foreign.SERVICE,
    label(semconv.ML_MODEL_NAME),
    label(semconv.ML_MODEL_VERSION),
)
FEATURE: Final = (*MODEL, label(semconv.ML_FEATURE_NAME))
BIN: Final = (*FEATURE, label(semconv.ML_FEATURE_BIN))
STATISTICS: Final = ("psi", "kl", "js", "chi_squared")
# Counters since their start, too: there nothing is extrapolated.
WINDOWS: Final = ("total", "1h", "1d")
MIN_ROWS: Final = 50
_EMPTY: Final = "1e-4"
_USABLE: Final = (
    f'{label(semconv.ML_FEATURE_BIN)}!~"{semconv.BIN_MISSING}|{semconv.BIN_NON_FINITE}"'
)
_BY_FEATURE: Final = f"on ({', '.join(FEATURE)})"
_BY_PROCESS: Final = f"on ({', '.join((*FEATURE, foreign.INSTANCE))})"


@dataclass(frozen=True)
class Fleet:
    """The names of what is recorded over one window."""

    window: str

    @property
    def counts(self) -> str:
        """Values by bin."""
        return f"bin:ml_feature_values:count_{self.window}"

    @property
    def rows(self) -> str:
        """Usable values by feature."""
        return f"feature:ml_feature_values:count_{self.window}"

    @property
    def process_rows(self) -> str:
        """Usable values by feature and process."""
        return f"process:ml_feature_values:count_{self.window}"

    @property
    def expected(self) -> str:
        """Values by bin, had each process seen its own reference."""
        return f"bin:ml_feature_reference:count_{self.window}"

    @property
    def reference(self) -> str:
        """Share of each bin that is expected."""
        return f"bin:ml_feature_reference:share_{self.window}"

    @property
    def share(self) -> str:
        """Share of each bin, where there are values enough."""
        return f"bin:ml_feature_values:share_{self.window}"

    def statistic(self, name: str) -> str:
        """One of ``STATISTICS`` by feature."""
        return f"feature:ml_drift_{name}:{self.window}"

    @property
    def p_value(self) -> str:
        """How probable so large a chi-squared is without a change; never too small."""
        return f"feature:ml_drift_p_value:{self.window}"


def _filled(share: str) -> str:
    return f"({share} > 0 or 0 * {share} + {_EMPTY})"


def _counts(fleet: Fleet, by: tuple[str, ...]) -> str:
    counter = vector(semconv.ML_FEATURE_VALUES, _USABLE)
    return sum_by(by, counter if fleet.window == "total" else increase(counter, fleet.window))


def _expected(fleet: Fleet) -> str:
    """Return what each process expects of as many values as it had, together."""
    ratio = vector(semconv.ML_FEATURE_REFERENCE_RATIO, _USABLE)
    if fleet.window != "total":
        ratio = f"last_over_time({ratio}[{fleet.window}])"
    return sum_by(BIN, f"\n  {ratio}\n  * {_BY_PROCESS} group_left ()\n  {fleet.process_rows}\n")


def _psi(p: str, q: str) -> str:
    return sum_by(
        FEATURE, f"\n  ({_filled(q)} - {_filled(p)})\n  * ln({_filled(q)} / {_filled(p)})\n"
    )


def _kl(p: str, q: str) -> str:
    return sum_by(FEATURE, f"\n  {_filled(p)}\n  * ln({_filled(p)} / {_filled(q)})\n")


def _js(p: str, q: str) -> str:
    """Return the distance: the root of half the two divergences from the middle, base 2.

    A share of 0 adds nothing, but 0 times the logarithm of 0 is not a number.
    """
    middle = f"(({p} + {q}) / 2 > 0)"
    parts = [
        sum_by(FEATURE, f"\n  {share} * log2(clamp_min({share} / {middle}, 1e-300))\n")
        for share in (p, q)
    ]
    return f"sqrt(clamp_min((\n{parts[0]}\n+ {parts[1]}\n) / 2, 0))"


def _chi_squared(p: str, q: str, rows: str) -> str:
    """Return Pearson's statistic of the two rows of counts: Σ (q - p)² / (q / m + p / n)."""
    reference = f"max by ({', '.join(FEATURE)}) ({vector(semconv.ML_FEATURE_REFERENCE_VALUES)})"
    now = f"{q} / {_BY_FEATURE} group_left () {reference}"
    then = f"{p} / {_BY_FEATURE} group_left () {rows}"
    return sum_by(FEATURE, f"\n  ({q} - {p}) ^ 2\n  / ({now}\n    + {then} > 0)\n")


def _p_value(p: str, q: str, chi_squared: str) -> str:
    """Return an upper bound of the tail of chi-squared.

    Wilson and Hilferty make a normal deviate z of it; its tail is below e^(-z²/2) / (z √2π). Below
    z = 1 it is 1: nobody asks.
    """
    freedom = f"(count by ({', '.join(FEATURE)}) ({p} + {q} > 0) - 1 > 0)"
    z = (
        f"(({chi_squared} / {freedom}) ^ (1 / 3) - (1 - 2 / (9 * {freedom})))\n"
        f"  / sqrt(2 / (9 * {freedom}))"
    )
    large = f"clamp_max(\n  {z} >= 1, 37)"
    return f"exp(-({large}) ^ 2 / 2) / (({large}) * 2.5066282746310002)\nor 0 * {chi_squared} + 1"


def _over(fleet: Fleet) -> list[Recording]:
    q, rows = fleet.share, fleet.rows
    # Only bins that both sides have: a feature that is not served has no drift.
    p = f"({fleet.reference} and on ({', '.join(BIN)}) {q})"
    chi_squared = fleet.statistic("chi_squared")
    in_all = sum_by(FEATURE, fleet.expected)
    return [
        Recording(fleet.counts, _counts(fleet, BIN)),
        Recording(fleet.process_rows, _counts(fleet, (*FEATURE, foreign.INSTANCE))),
        Recording(rows, sum_by(FEATURE, fleet.counts)),
        Recording(q, f"{fleet.counts}\n/ {_BY_FEATURE} group_left () ({rows} >= {MIN_ROWS})"),
        Recording(fleet.expected, _expected(fleet)),
        Recording(
            fleet.reference, f"{fleet.expected}\n/ {_BY_FEATURE} group_left () ({in_all} > 0)"
        ),
        Recording(fleet.statistic("psi"), _psi(p, q)),
        Recording(fleet.statistic("kl"), _kl(p, q)),
        Recording(fleet.statistic("js"), _js(p, q)),
        Recording(chi_squared, _chi_squared(p, q, rows)),
        Recording(fleet.p_value, _p_value(p, q, chi_squared)),
    ]


def groups() -> dict[str, list[Recording]]:
    """Return the rules by group, one a window."""
    return {f"otelml-drift-{window}": _over(Fleet(window)) for window in WINDOWS}
