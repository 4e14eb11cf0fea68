"""``python -m otelml``."""

from __future__ import annotations

from otelml.cli import main

main(prog_name="otelml")
