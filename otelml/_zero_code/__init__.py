"""The folder that ``otelml run`` puts on ``PYTHONPATH``."""

from __future__ import annotations
