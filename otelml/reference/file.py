"""The file of a reference: JSON with a schema version and a digest."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from otelml._bounded import loads
from otelml._shown import shown_path
from otelml.exceptions import InvalidReferenceError
from otelml.reference.feature import Feature
from otelml.reference.learned import Learned
from otelml.reference.learned_file import (
    DATA,
    keep_learned,
    learned_document,
    learned_lines,
    read_learned,
)
from otelml.reference.sample import Sample

FORMAT = "otelml-reference"
SCHEMA_VERSION = 1
WITH_LEARNED = 2  # an older otelml says so, instead of that the digest does not fit
MOST_BYTES = 1 << 30
MOST_FEATURES = 10_000
MOST_OBJECTS = 1_000_000
MOST_PARTS = 100_000_000
_NOT_DATA = {"created_at", "digest", "learned"}


def to_document(reference: Any) -> dict[str, Any]:
    """Return what is written of a reference."""
    outputs = reference.predictions
    learned = {name: learned_document(one, _feature) for name, one in reference.learned.items()}
    return {
        "format": FORMAT,
        "schema_version": WITH_LEARNED if learned else SCHEMA_VERSION,
        "created_at": reference.created_at,
        "rows": reference.rows,
        "ordered": reference.ordered,
        "quality": dict(reference.quality),
        "features": [_feature(feature) for feature in reference.features.values()],
        "predictions": None if outputs is None else _feature(outputs),
        "learned": learned,
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
        **_of_parts(feature),
    }


def _of_parts(feature: Feature) -> dict[str, Any]:
    """Return what is known where not all values were kept; nothing where they were."""
    moments = feature.sample.moments if feature.sample is not None else None
    known = {"rank_error": feature.rank_error, "moments": moments and list(moments)}
    return {key: value for key, value in known.items() if value}


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 of the data: without times, what was learned, and its own digest.

    So replicas of which only some have learned yet do not seem to have different references.
    """
    content = {key: document[key] for key in document if key not in _NOT_DATA}
    content["schema_version"] = SCHEMA_VERSION
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: str | Path, document: dict[str, Any]) -> None:
    """Write a document: a reader sees the old file or the new one."""
    target = Path(path)
    whole: dict[str, Any] = {**document, "digest": digest(document)}
    features, learned = whole.pop("features"), whole.pop("learned")
    lines = ",\n".join("  " + json.dumps(feature) for feature in features)
    head = json.dumps(whole, indent=1)[:-2]
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        body = f"{head},\n{learned_lines(learned)}{DATA}\n{lines}\n ]\n}}\n"
        partial.write_text(body, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise InvalidReferenceError(f"cannot write {path}: {error.strerror}") from error


def read(path: str | Path) -> dict[str, Any]:
    """Return the arguments of a reference from its file.

    Raises:
        InvalidReferenceError: It cannot be read, is damaged, or is of a newer version.
    """
    try:
        document = loads(
            _text_of(Path(path)),
            objects=MOST_OBJECTS,
            parts=MOST_PARTS,
            parse_constant=_no_number,
        )
    except OSError as error:
        raise InvalidReferenceError(f"cannot read {shown_path(path)}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidReferenceError(f"{shown_path(path)} is damaged: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidReferenceError(f"{shown_path(path)} is no reference of otelml")
    version = document.get("schema_version")
    if version not in {SCHEMA_VERSION, WITH_LEARNED}:
        raise InvalidReferenceError(
            f"{shown_path(path)} has schema version {version}; "
            f"this otelml reads versions up to {WITH_LEARNED}"
        )
    _check_size(path, document)
    if document.get("digest") != digest(document):
        raise InvalidReferenceError(
            f"{shown_path(path)} was changed or cut: its digest does not fit"
        )
    try:
        return _arguments(document, path)
    except InvalidReferenceError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise InvalidReferenceError(f"{shown_path(path)} is damaged: {kind}") from None


def _arguments(document: dict[str, Any], path: str | Path) -> dict[str, Any]:
    outputs = document["predictions"]
    return {
        "features": {entry["name"]: _read_feature(entry) for entry in document["features"]},
        "predictions": None if outputs is None else _read_feature(outputs),
        "quality": document["quality"],
        "ordered": document["ordered"],
        "created_at": document["created_at"],
        "learned": read_learned(document.get("learned", {}), _read_feature),
        "path": Path(path).absolute(),
    }


def _text_of(path: Path) -> str:
    """Return what is in a file, where that is not more than a reference can be.

    Raises:
        OSError: It cannot be read, or is no file.
        InvalidReferenceError: It is larger.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
        raise InvalidReferenceError(f"{shown_path(path)} is no ordinary file")
    if about.st_size > MOST_BYTES:
        raise InvalidReferenceError(f"{shown_path(path)} is larger than {MOST_BYTES:,} bytes")
    return path.read_text(encoding="utf-8")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _check_size(path: str | Path, document: dict[str, Any]) -> None:
    """Refuse a document that is none of ours, or holds more than one can.

    Raises:
        InvalidReferenceError: It does.
    """
    features = document.get("features")
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise InvalidReferenceError(f"{shown_path(path)} is damaged: its features are no list")
    if len(features) > MOST_FEATURES:
        raise InvalidReferenceError(
            f"{shown_path(path)} has {len(features):,} features; {MOST_FEATURES:,} at most"
        )


def keep(path: Path, digest: str, learned: Mapping[str, Learned]) -> None:
    """Put what was learned into the file of a reference, merged with what is there.

    Args:
        path: The file.
        digest: That of the reference.
        learned: By feature.

    Raises:
        InvalidReferenceError: It cannot be read or written, or is another reference's.
    """
    keep_learned(path, digest, learned, (_feature, _read_feature), WITH_LEARNED)


def _read_feature(entry: dict[str, Any]) -> Feature:
    sample = None
    if entry["values"] is not None:
        values, counts = (np.array(entry[key], np.float64) for key in ("values", "counts"))
        sample = Sample.from_counts(values, counts)
        if "moments" in entry:
            sample = replace(sample, moments=tuple(entry["moments"]))
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
        rank_error=entry.get("rank_error", 0.0),
    )
