"""The questions that the web API asks the store, one subject a module."""

from __future__ import annotations
