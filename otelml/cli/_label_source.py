"""Options of the commands that say where labels are fetched from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from otelml._label_options import KafkaLabels, LabelsFrom, RestLabels, SqlLabels, sources_of
from otelml._startup import read_pyproject

_OPTIONS = (
    click.option("--sql", metavar="URL", help="Database to ask, as SQLAlchemy URL."),
    click.option("--query", help="Query with the columns id or key, actual, and the watermark."),
    click.option("--overlap", default="5m", show_default=True, help="Look back for late rows."),
    click.option("--rest", metavar="URL", help="API to ask, which answers JSON."),
    click.option("--token-variable", metavar="NAME", help="Variable that holds the API's token."),
    click.option("--records", default="", help="Where the answer has the list of rows."),
    click.option("--cursor", default="", help="Where the answer has the next page's cursor."),
    click.option("--since-parameter", default="since", help="Parameter of the watermark."),
    click.option("--watermark", default="timestamp", show_default=True, help="Grows with rows."),
    click.option("--field", "fields", multiple=True, metavar="FIELD=NAME",
                 help="id, key, actual, source, reviewer or timestamp, and its name there."),
    click.option("--name", help="Names its progress in the store; by default sql, rest or kafka."),
)  # fmt: skip
_KAFKA = (
    click.option("--kafka", metavar="HOST:PORT", help="Brokers to read from."),
    click.option("--topic", default="", help="The topic; each message a JSON object."),
    click.option("--group", default="otelml", show_default=True, help="The consumer group."),
)


def source_options(*, with_kafka: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what gives a command the options of a source."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed((*_OPTIONS, *(_KAFKA if with_kafka else ()))):
            function = option(function)
        return function

    return decorate


def source_of(given: dict[str, Any], every: str = "1m") -> LabelsFrom | None:
    """Return the source that the options of a command say; None where they say none.

    Raises:
        ConfigurationError: An option is wrong.
        click.UsageError: Two sources are said, or a field is not NAME=NAME.
    """
    kinds = [kind for kind in ("sql", "rest", "kafka") if given.get(kind)]
    if len(kinds) > 1:
        raise click.UsageError(f"only one of --{' and --'.join(kinds)}")
    if not kinds:
        return None
    common: dict[str, Any] = {"name": given["name"] or kinds[0], "fields": _fields(given["fields"])}
    if kinds[0] == "sql":
        return SqlLabels(
            **common,
            url=given["sql"],
            query=given["query"] or "",
            watermark=given["watermark"],
            overlap=given["overlap"],
            every=every,
        )
    if kinds[0] == "rest":
        variable = given["token_variable"]
        return RestLabels(
            **common,
            url=given["rest"],
            token=f"${{env:{variable}}}" if variable else "",
            records=given["records"],
            cursor=given["cursor"],
            since_parameter=given["since_parameter"],
            watermark=given["watermark"],
            every=every,
        )
    return KafkaLabels(**common, brokers=given["kafka"], topic=given["topic"], group=given["group"])


def _fields(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := next((one for one in pairs if not one[0] or not one[2]), None):
        raise click.UsageError(f"--field {''.join(wrong)}: write it as FIELD=NAME")
    return {field: name for field, _, name in pairs}


def configured() -> tuple[LabelsFrom, ...]:
    """Return the sources of ``[tool.otelml.feedback]`` in the nearest pyproject.toml.

    Raises:
        ConfigurationError: One is wrong.
    """
    table, _ = read_pyproject(Path.cwd())
    feedback = table.get("feedback", {})
    return sources_of(feedback.get("sources", ()) if isinstance(feedback, dict) else ())
