"""``otelml drift``: data beside a reference."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from otelml import _report
from otelml.drift import DriftResult, compare
from otelml.reference import Reference, read_table

_DRIFT = 3
_STATISTICS = ("psi", "kl", "js", "ks", "wasserstein", "chi_squared")


@click.group()
def command() -> None:
    """Compare data with a reference."""


@command.command(epilog="Exit code: 0 without drift, 3 with drift, 1 on an error.")
@click.argument("reference", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write a report to this file too.")
@click.option("--alpha", default=0.05, show_default=True, help="Level of the whole comparison.")
def check(reference: str, data: str, as_json: bool, html: str | None, alpha: float) -> None:
    """Compare DATA (CSV, Parquet) with REFERENCE; exit with 3 on drift."""
    if not 0 < alpha < 1:
        raise click.UsageError("--alpha is between 0 and 1")
    expected = Reference.load(reference)
    result = compare(expected, read_table(data), alpha=alpha)
    if html is not None:
        title = f"Drift of {Path(data).name} from {Path(reference).name}"
        _report.write(html, _report.render(result, title=title, digest=expected.digest))
        click.echo(f"{html}: the report", err=as_json)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
    else:
        _print(result)
    if result.drift_detected:
        raise SystemExit(_DRIFT)


def _print(result: DriftResult) -> None:
    weighed = any(feature.importance is not None for feature in result.features.values())
    beside = ["importance"] if weighed else []
    table = Table("feature", *_STATISTICS, "p-value", "severity", *beside, "drift")
    for feature in result.in_order:
        found = [feature.statistics.get(name) for name in _STATISTICS]
        values = ["" if one is None else f"{one.value:.4g}" for one in found]
        verdict = "drift" if feature.drift_detected else feature.reason or "no"
        importance = "" if feature.importance is None else f"{feature.importance:.3g}"
        end = [importance, verdict] if weighed else [verdict]
        table.add_row(feature.name, *values, f"{feature.p_value:.3g}", feature.severity, *end)
    Console().print(table)
    for name, what in result.mismatches.items():
        click.echo(f"{name}: {what}")
    count = len(result.drifted)
    click.echo(f"{count} of {len(result.features)} features drifted, in {result.rows} rows")
