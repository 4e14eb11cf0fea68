"""The real engines, built from source and run without containers."""

from __future__ import annotations
