"""Payloads of the user's own: bodies as they are, or rows of a table put into one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from otelml._bounded import loads
from otelml._shown import scrubbed, shown_path
from otelml.exceptions import ConfigurationError
from otelml.reference import read_table

_ROW: Final = "$row"
_VALUES: Final = "$values"
_COLUMNS: Final = "$columns"
_MOST_ROWS: Final = 100_000
_MOST_BYTES: Final = 256 << 20
_MOST_OBJECTS: Final = 1_000_000
_MOST_PARTS: Final = 20_000_000


def read_bodies(template: Path | None, sample: Path | None) -> tuple[bytes, ...]:
    """Return the bodies to send in turn; none without files.

    Args:
        template: JSON: the body, or a list of bodies. With a sample, the body in which
            ``"$row"`` is the row as a mapping, ``"$values"`` its values, ``"$columns"`` the names.
        sample: A table (CSV, Parquet) or a JSON file with a list of rows.

    Raises:
        ConfigurationError: A file is not what it should be, or holds nothing to send.
        InvalidReferenceError: The table cannot be read.
    """
    if sample is None:
        if template is None:
            return ()
        content = read_json("--template", template)
        return _encoded("--template", template, content if isinstance(content, list) else [content])
    rows = read_rows("--sample", sample)
    frame = _ROW if template is None else read_json("--template", template)
    if template is not None and not _has_place(frame):
        raise ConfigurationError(
            f"--template {shown_path(template)} has no place for a row of --sample: put "
            f'"{_ROW}" or "{_VALUES}" where it belongs'
        )
    return _encoded("--sample", sample, [_filled(frame, row) for row in rows])


def read_json(option: str, path: Path) -> Any:
    """Return what is in a JSON file.

    Raises:
        ConfigurationError: It is none, or larger than it may be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigurationError(
                f"{option} {shown_path(path)} is larger than {_MOST_BYTES:,} bytes"
            )
        return loads(data, objects=_MOST_OBJECTS, parts=_MOST_PARTS)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise

        raise ConfigurationError(
            f"{option} {path} is not a JSON file: {scrubbed(str(error))}"
        ) from None


def read_rows(option: str, path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table (CSV, Parquet), or of a JSON file with a list of rows.

    Args:
        option: Where the path was given, for errors.
        path: The file.

    Raises:
        ConfigurationError: It is a JSON file of something else.
        InvalidReferenceError: The table cannot be read.
    """
    if path.suffix == ".json":
        rows = read_json(option, path)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigurationError(f"{option} {path} is not a list of rows")
        return rows[:_MOST_ROWS]
    columns = {name: _plain(values) for name, values in read_table(path, _MOST_ROWS).items()}
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*(values[:_MOST_ROWS] for values in columns.values()), strict=True)
    ]


def _plain(values: Iterable[Any]) -> list[Any]:
    """Return the values of a column as JSON has them; whole numbers without a point."""
    plain = [_valid(value.item() if hasattr(value, "item") else value) for value in values]
    numbers = [value for value in plain if value is not None]
    if all(isinstance(value, float) and value.is_integer() for value in numbers):
        return [None if value is None else int(value) for value in plain]
    return plain


def _valid(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _has_place(frame: Any) -> bool:
    text = json.dumps(frame)
    return f'"{_ROW}"' in text or f'"{_VALUES}"' in text


def _filled(frame: Any, row: dict[str, Any]) -> Any:
    if isinstance(frame, dict):
        return {name: _filled(inner, row) for name, inner in frame.items()}
    if isinstance(frame, list):
        return [_filled(inner, row) for inner in frame]
    places = {_ROW: row, _VALUES: list(row.values()), _COLUMNS: list(row)}
    return places.get(frame, frame) if isinstance(frame, str) else frame


def _encoded(option: str, path: Path, bodies: list[Any]) -> tuple[bytes, ...]:
    if not bodies:
        raise ConfigurationError(f"{option} {path} holds nothing to send")
    return tuple(json.dumps(body).encode() for body in bodies)
