"""The version: the build and the instrumentation scope read the same one."""

from __future__ import annotations

__version__ = "0.1.0"
