"""A prediction as the monitor sees it: a plain tuple, as many are made."""

from __future__ import annotations

from otelml._features import Snapshot
from otelml._records.results import Results

# Model, version, features, their names where they have none, results.
Seen = tuple[str, str, Snapshot | None, tuple[str, ...] | None, Results]
