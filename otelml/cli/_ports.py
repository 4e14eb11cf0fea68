"""Ports as options."""

from __future__ import annotations

import click

PORT = click.IntRange(0, 65_535)
"""0 takes a free one."""

OWN_PORT = click.IntRange(1, 65_535)
"""A port that another command is told."""
