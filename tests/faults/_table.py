"""The fault table: what was sent, acknowledged, and arrived, one row a fault."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What one fault did to one signal; all but the texts are counts of items.

    Args:
        fault: What went wrong.
        signal: "spans", "points", "logs" or what else was counted.
        sent: Items handed to the sender.
        acknowledged: Items whose request was answered with success.
        arrived: Distinct items found in the backend.
        duplicates: Items found in the backend once more than once.
        lost: Acknowledged items not found in the backend.
        dropped: Items counted as dropped by whoever dropped them.
        note: What else was seen, with figures.
    """

    fault: str
    signal: str
    sent: int
    acknowledged: int
    arrived: int
    duplicates: int
    lost: int
    dropped: int
    note: str = ""


_ROWS: list[Row] = []


def report(row: Row) -> None:
    """Keep a row for the table at the end of the run; a file too if OTELML_FAULT_TABLE names one."""
    _ROWS.append(row)
    if path := os.environ.get("OTELML_FAULT_TABLE"):
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def lines() -> list[str]:
    """Return the table so far as Markdown, empty if there is none."""
    if not _ROWS:
        return []
    names = [field.name for field in fields(Row)]
    head = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return head + ["| " + " | ".join(str(cell) for cell in astuple(row)) + " |" for row in _ROWS]
