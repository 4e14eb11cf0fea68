"""``otelml reference``: what the data of a model looked like, as a file."""

from __future__ import annotations

from functools import reduce
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from otelml.reference import Feature, Learned, Reference, accepted, read_table


@click.group()
def command() -> None:
    """Build, show and merge references; accept a new normal."""


@command.command(epilog="Example: otelml reference build train.csv -o reference.json")
@click.argument("data", required=False, type=click.Path())
@click.option("--output", "-o", default="reference.json", show_default=True, help="File to write.")
@click.option("--sql", help="Database as an SQLAlchemy URL, instead of DATA.")
@click.option("--bigquery", help="Google project that pays for --query (-: the default one).")
@click.option("--query", help="SELECT that returns the rows; with --sql or --bigquery.")
@click.option("--bins", default=10, show_default=True, help="Quantile bins of a numeric column.")
@click.option("--categorical", multiple=True, help="Column whose numbers are levels; repeatable.")
@click.option("--sketch", is_flag=True, help="Use sketches for very many rows (extra sketches).")
@click.option("--ordered", is_flag=True, help="Rows of DATA are in the order of time.")
@click.option("--timestamps", help="Column of DATA that gives the order; it is no feature.")
@click.option("--exclude", multiple=True, help="Column that is no feature; repeatable.")
def build(
    data: str | None,
    output: str,
    sql: str | None,
    bigquery: str | None,
    query: str | None,
    bins: int,
    categorical: tuple[str, ...],
    sketch: bool,
    ordered: bool,
    timestamps: str | None,
    exclude: tuple[str, ...],
) -> None:
    """Build a reference from DATA (CSV, Parquet), a database or BigQuery."""
    given = [source for source in (data, sql, bigquery) if source is not None]
    if len(given) != 1 or (data is None) != (query is not None):
        raise click.UsageError("give DATA, or --query with --sql or --bigquery")
    if bins < 2:  # noqa: PLR2004 - one bin holds everything
        raise click.UsageError("--bins is 2 or more")
    options: dict[str, Any] = {"bins": bins, "categorical": categorical}
    if ordered or timestamps is not None:
        if data is None or sketch:
            raise click.UsageError("--ordered and --timestamps go with DATA and without --sketch")
        table = read_table(data)  # windows are held against all rows, so all are needed at once
        made = Reference.from_data(table, ordered=ordered, timestamps=timestamps, **options)
    else:
        made = _in_chunks(data, sql, bigquery, query, {**options, "sketch": sketch})
    made = made.without(exclude)
    made.save(output)
    click.echo(f"{output}: {made.rows} rows, {len(made.features)} features")


def _in_chunks(
    data: str | None,
    sql: str | None,
    bigquery: str | None,
    query: str | None,
    options: dict[str, Any],
) -> Reference:
    if sql is not None and query is not None:
        return Reference.from_sql(sql, query, **options)
    if bigquery is not None and query is not None:
        project = None if bigquery == "-" else bigquery
        return Reference.from_bigquery(query, project=project, **options)
    if str(data).endswith(".parquet"):
        return Reference.from_parquet(str(data), **options)
    return Reference.from_csv(str(data), **options)


@command.command()
@click.argument("path", type=click.Path())
def show(path: str) -> None:
    """Show what a reference holds."""
    reference = Reference.load(path)
    click.echo(f"rows     {reference.rows}, {_order(reference)}")
    click.echo(f"created  {reference.created_at}")
    click.echo(f"digest   {reference.digest}")
    for name, value in reference.quality.items():
        click.echo(f"{name}  {value:.6g}")
    table = Table("feature", "kind", "missing", "mean", "deviation", "bins")
    margins = Table("feature", "margin", "known from")
    outputs = [] if reference.predictions is None else [reference.predictions]
    for feature in [*reference.features.values(), *outputs]:
        sample = feature.sample
        numbers = ("", "") if sample is None else (f"{sample.mean:.6g}", f"{sample.deviation:.6g}")
        bins = str(len(feature.counts)) if feature.usable else ""
        gone = str(feature.missing + feature.non_finite)
        table.add_row(feature.name, feature.kind, gone, *numbers, bins)
        margins.add_row(feature.name, *_margin(feature, reference.learned.get(feature.name)))
    Console().print(table)
    largest = max((feature.rank_error for feature in reference.features.values()), default=0.0)
    if largest:
        click.echo(
            f"not every value is kept: shares of bins are off by {100 * largest:.3f} % at most"
        )
    Console().print(margins)


def _margin(feature: Feature, learned: Learned | None) -> tuple[str, str]:
    """Return by how much windows may stray beyond chance, and whence that is known."""
    if learned is not None:
        found, size = learned.margins, min(learned.margins)
        normal = ", with a normal of its own" if learned.normal is not None else ""
        if learned.source == "accepted":
            by = f" by {learned.who}" if learned.who else ""
            return f"{found[size]:.4f}", f"accepted{by} on {learned.at[:10]}"
        known = f"{learned.windows} windows of serving, {size} rows or more"
        return f"{found[size]:.4f}", f"{known}, until {learned.at[:10]}{normal}"
    if feature.margins and not feature.discrete:
        sizes = sorted(feature.margins)
        ends = {sizes[0]: None, sizes[-1]: None}
        values = " to ".join(f"{feature.margins[size]:.4f}" for size in ends)
        rows = " to ".join(str(size) for size in ends)
        return values, f"the order of its rows, windows of {rows} rows"
    return "", "serving will tell"


def _order(reference: Reference) -> str:
    return "in the order of time" if reference.ordered else "in no order"


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--output", "-o", required=True, help="File to write.")
def merge(paths: tuple[str, ...], output: str) -> None:
    """Merge references of the same features into one."""
    made = reduce(Reference.merge, (Reference.load(path) for path in paths))
    made.save(output)
    click.echo(f"{output}: {made.rows} rows, {len(made.features)} features")


@command.command(epilog="A service that runs takes it up when it starts anew.")
@click.argument("path", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--feature", "names", multiple=True, help="Only this feature; repeatable.")
@click.option("--who", default="", help="Who accepts.")
@click.option("--why", default="", help="Why.")
def accept(path: str, data: str, names: tuple[str, ...], who: str, why: str) -> None:
    """Make the rows of DATA (CSV, Parquet) the new normal, in the file of the reference."""
    reference = Reference.load(path)
    rows = read_table(data)
    learned = accepted(
        reference.features, reference.learned, rows, names=names or None, who=who, why=why
    )
    reference.keep(learned)
    click.echo(f"{path}: {', '.join(learned)} accepted as the new normal")
