"""Which reference a model version has: registered for it, or that of ``init``."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from otelml._shown import shown
from otelml._state import ProcessState
from otelml.exceptions import InvalidReferenceError
from otelml.reference import Reference

ModelKey = tuple[str, str]
_registered: ProcessState[Mapping[ModelKey, Reference]] = ProcessState({})


def load_reference(given: Any) -> Reference:
    """Return a reference from itself or from the path of its file.

    Raises:
        InvalidReferenceError: It is neither, or the file cannot be used.
    """
    if isinstance(given, Reference):
        return given
    if isinstance(given, (str, PathLike)):
        return Reference.load(str(given))
    raise InvalidReferenceError(f"reference is {shown(given)}; it must be a Reference or a path")


def register_reference(name: str, version: str, given: Any) -> None:
    """Say what the reference of a model version is.

    Raises:
        InvalidReferenceError: It is no reference, or its file cannot be used.
    """
    # Put in place whole: the worker may be looking at the one before.
    _registered.value = {**_registered.value, (name, version): load_reference(given)}


def registered_references() -> Mapping[ModelKey, Reference]:
    """Return the registered references by name and version."""
    return _registered.value


def forget_references() -> None:
    """Forget all of them."""
    _registered.value = {}
