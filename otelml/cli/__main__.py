"""``python -m otelml.cli``."""

from __future__ import annotations

from otelml.cli import main

main(prog_name="otelml")
