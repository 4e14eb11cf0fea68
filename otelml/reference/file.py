"""The file of a reference: JSON with a schema version and a digest."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from otelml.exceptions import InvalidReferenceError
from otelml.reference.feature import Feature
from otelml.reference.sample import Sample

FORMAT = "otelml-reference"
SCHEMA_VERSION = 1


def to_document(reference: Any) -> dict[str, Any]:
    """Return what is written of a reference."""
    outputs = reference.predictions
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created_at": reference.created_at,
        "rows": reference.rows,
        "ordered": reference.ordered,
        "quality": dict(reference.quality),
        "features": [_feature(feature) for feature in reference.features.values()],
        "predictions": None if outputs is None else _feature(outputs),
    }


def _feature(feature: Feature) -> dict[str, Any]:
    sample = feature.sample
    return {
        "name": feature.name,
        "kind": feature.kind,
        "missing": feature.missing,
        "non_finite": feature.non_finite,
        "importance": feature.importance,
        "bins": feature.bins,
        "edges": feature.edges,
        "margins": {str(rows): margin for rows, margin in sorted(feature.margins.items())},
        "levels": dict(sorted(feature.levels.items())),
        "other": feature.other,
        "values": None if sample is None else sample.values.tolist(),
        "counts": None if sample is None else sample.counts.tolist(),
    }


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document without its times and its own digest."""
    content = {key: document[key] for key in document if key not in {"created_at", "digest"}}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: str | Path, document: dict[str, Any]) -> None:
    """Write a document: a reader sees the old file or the new one."""
    target = Path(path)
    whole = {**document, "digest": digest(document)}
    features = whole.pop("features")
    lines = ",\n".join("  " + json.dumps(feature) for feature in features)
    head = json.dumps(whole, indent=1)[:-2]
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f'{head},\n "features": [\n{lines}\n ]\n}}\n', encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise InvalidReferenceError(f"cannot write {path}: {error.strerror}") from error


def read(path: str | Path) -> dict[str, Any]:
    """Return the arguments of a reference from its file.

    Raises:
        InvalidReferenceError: It cannot be read, is damaged, or is of a newer version.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidReferenceError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidReferenceError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidReferenceError(f"{path} is no reference of otelml")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InvalidReferenceError(
            f"{path} has schema version {version}; this otelml reads version {SCHEMA_VERSION}"
        )
    if document.get("digest") != digest(document):
        raise InvalidReferenceError(f"{path} was changed or cut: its digest does not fit")
    outputs = document["predictions"]
    return {
        "features": {entry["name"]: _read_feature(entry) for entry in document["features"]},
        "predictions": None if outputs is None else _read_feature(outputs),
        "quality": document["quality"],
        "ordered": document["ordered"],
        "created_at": document["created_at"],
    }


def _read_feature(entry: dict[str, Any]) -> Feature:
    sample = None
    if entry["values"] is not None:
        values, counts = (np.array(entry[key], np.float64) for key in ("values", "counts"))
        sample = Sample.from_counts(values, counts)
    return Feature(
        name=entry["name"],
        kind=entry["kind"],
        missing=entry["missing"],
        non_finite=entry["non_finite"],
        sample=sample,
        levels=entry["levels"],
        other=entry["other"],
        bins=entry["bins"],
        importance=entry["importance"],
        margins={int(rows): margin for rows, margin in entry["margins"].items()},
    )
