"""Where labels are kept: a durable store that processes share (extra ``labels``)."""

from __future__ import annotations

from otelml.labels.put import deciding
from otelml.labels.records import Agreement, Label, Put, Summary, Waiting
from otelml.labels.store import LabelStore, check

__all__ = ["Agreement", "Label", "LabelStore", "Put", "Summary", "Waiting", "check", "deciding"]
