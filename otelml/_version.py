"""The version, alone in its file so that the build backend and the instrumentation scope read one."""

from __future__ import annotations

__version__ = "0.1.0"
