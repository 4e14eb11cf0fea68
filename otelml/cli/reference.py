"""``otelml reference``: what the data of a model looked like, as a file."""

from __future__ import annotations

from functools import reduce

import click
from rich.console import Console
from rich.table import Table

from otelml.reference import Reference


@click.group()
def command() -> None:
    """Build, show and merge references."""


@command.command(epilog="Example: otelml reference build train.csv -o reference.json")
@click.argument("data", required=False, type=click.Path())
@click.option("--output", "-o", default="reference.json", show_default=True, help="File to write.")
@click.option("--sql", help="Database as an SQLAlchemy URL, instead of DATA.")
@click.option("--bigquery", help="Google project that pays for --query (-: the default one).")
@click.option("--query", help="SELECT that returns the rows; with --sql or --bigquery.")
@click.option("--bins", default=10, show_default=True, help="Quantile bins of a numeric column.")
@click.option("--categorical", multiple=True, help="Column whose numbers are levels; repeatable.")
@click.option("--exclude", multiple=True, help="Column that is no feature; repeatable.")
def build(
    data: str | None,
    output: str,
    sql: str | None,
    bigquery: str | None,
    query: str | None,
    bins: int,
    categorical: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Build a reference from DATA (CSV, Parquet), a database or BigQuery."""
    given = [source for source in (data, sql, bigquery) if source is not None]
    if len(given) != 1 or (data is None) != (query is not None):
        raise click.UsageError("give DATA, or --query with --sql or --bigquery")
    if bins < 2:  # noqa: PLR2004 - one bin holds everything
        raise click.UsageError("--bins is 2 or more")
    if sql is not None and query is not None:
        made = Reference.from_sql(sql, query, bins=bins, categorical=categorical)
    elif bigquery is not None and query is not None:
        project = None if bigquery == "-" else bigquery
        made = Reference.from_bigquery(query, project=project, bins=bins, categorical=categorical)
    elif str(data).endswith(".parquet"):
        made = Reference.from_parquet(str(data), bins=bins, categorical=categorical)
    else:
        made = Reference.from_csv(str(data), bins=bins, categorical=categorical)
    made = made.without(exclude)
    made.save(output)
    click.echo(f"{output}: {made.rows} rows, {len(made.features)} features")


@command.command()
@click.argument("path", type=click.Path())
def show(path: str) -> None:
    """Show what a reference holds."""
    reference = Reference.load(path)
    click.echo(f"rows     {reference.rows}")
    click.echo(f"created  {reference.created_at}")
    click.echo(f"digest   {reference.digest}")
    for name, value in reference.quality.items():
        click.echo(f"{name}  {value:.6g}")
    table = Table("feature", "kind", "missing", "mean", "deviation", "bins")
    for feature in reference.features.values():
        sample = feature.sample
        numbers = ("", "") if sample is None else (f"{sample.mean:.6g}", f"{sample.deviation:.6g}")
        bins = str(len(feature.counts)) if feature.usable else ""
        gone = str(feature.missing + feature.non_finite)
        table.add_row(feature.name, feature.kind, gone, *numbers, bins)
    Console().print(table)


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--output", "-o", required=True, help="File to write.")
def merge(paths: tuple[str, ...], output: str) -> None:
    """Merge references of the same features into one."""
    made = reduce(Reference.merge, (Reference.load(path) for path in paths))
    made.save(output)
    click.echo(f"{output}: {made.rows} rows, {len(made.features)} features")
