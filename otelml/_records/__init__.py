"""What passes from request threads to the worker: plain data that imports nothing above it."""

from __future__ import annotations
