"""Parts of ``docs/moving.md``."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/moving.md"
RULES = ROOT / "docs/moving-old-names.yml"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def side(diff: str, sign: str) -> str:
    """Return one side of a diff: ``-`` is before, ``+`` after."""
    kept = [line[1:] for line in diff.splitlines() if line[:1] in {" ", sign}]
    return "\n".join(kept) + "\n"


def both_at_once() -> str:
    """Return the service that has the old and the new metrics."""
    (block,) = [code for code in blocks("python") if "OLD_LATENCY" in code]
    return block


def rules() -> dict[str, str]:
    """Return the expressions of the recording rules by the old name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def queries() -> list[tuple[str, str]]:
    """Return old and new query of each row of the table of queries."""
    table = PAGE.read_text().split("## Old queries, new queries")[1].split("\n## ")[0]
    return re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$", table, re.MULTILINE)
