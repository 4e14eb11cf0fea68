"""Fault tests end with the table of what was lost."""

from __future__ import annotations

from tests.faults._table import lines


def pytest_terminal_summary(terminalreporter):
    """Print the fault table, so that a run shows its figures and not only its verdict."""
    if table := lines():
        terminalreporter.section("fault table")
        for line in table:
            terminalreporter.write_line(line)
