"""What was learned, in the file of its reference: written beside the data, which stay as they are.

It stands a line a feature before the data, which are copied as they are: a large reference need not
be read for it, and its digest, that of the data alone, remains.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from otelml.exceptions import InvalidReferenceError
from otelml.reference.feature import Feature
from otelml.reference.learned import Learned, merged_learned

BEGIN, END, DATA = ' "learned": {', " },", ' "features": ['
_VERSION = b' "schema_version": '

ToDocument = Callable[[Feature], dict[str, Any]]
FromDocument = Callable[[dict[str, Any]], Feature]


def learned_document(learned: Learned, feature: ToDocument) -> dict[str, Any]:
    """Return what is written of one feature.

    Args:
        learned: What was learned of it.
        feature: Gives what is written of its normal.
    """
    return {
        "margins": {str(rows): margin for rows, margin in sorted(learned.margins.items())},
        "source": learned.source,
        "windows": learned.windows,
        "at": learned.at,
        "skewed": learned.skewed,
        "who": learned.who,
        "why": learned.why,
        "normal": None if learned.normal is None else feature(learned.normal),
    }


def read_learned(entries: Any, feature: FromDocument) -> dict[str, Learned]:
    """Return what was learned, by feature.

    Args:
        entries: What was written.
        feature: Reads a feature.

    Raises:
        InvalidReferenceError: It was changed to what cannot be.
    """
    try:
        found = {name: _read(entry, feature) for name, entry in entries.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidReferenceError(f"what was learned cannot be read: {error!r}") from error
    for name, learned in found.items():
        usable = all(math.isfinite(one) and one >= 0 for one in learned.margins.values())
        if not usable or not learned.margins or learned.source not in {"serving", "accepted"}:
            raise InvalidReferenceError(f"what was learned of {name} cannot be: {learned.margins}")
    return found


def _read(entry: dict[str, Any], feature: FromDocument) -> Learned:
    return Learned(
        margins={int(rows): float(margin) for rows, margin in entry["margins"].items()},
        source=entry["source"],
        windows=int(entry["windows"]),
        at=str(entry["at"]),
        skewed=bool(entry["skewed"]),
        who=str(entry["who"]),
        why=str(entry["why"]),
        normal=None if entry["normal"] is None else feature(entry["normal"]),
    )


def learned_lines(learned: Mapping[str, Any]) -> str:
    """Return the lines of a file with what was learned, a line a feature; none of nothing."""
    if not learned:
        return ""
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(learned.items())
    )
    return f"{BEGIN}\n{lines}\n{END}\n"


def keep_learned(
    path: Path,
    digest: str,
    learned: Mapping[str, Learned],
    feature: tuple[ToDocument, FromDocument],
    version: int,
) -> None:
    """Put what was learned into the file of a reference, merged with what is there.

    Args:
        path: The file.
        digest: That of the reference: a file that has another one meanwhile is left alone.
        learned: By feature.
        feature: How a feature is written and read.
        version: The schema version of a file that holds what was learned.

    Raises:
        InvalidReferenceError: It cannot be read or written, or is another reference's.
    """
    target = path.resolve()  # a link stays one
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    write, read = feature
    try:
        with _locked(target.parent), target.open("rb") as old:
            head, known = _head(old, target, digest)
            merged = merged_learned(read_learned(known, read), learned)
            entries = {name: learned_document(one, write) for name, one in merged.items()}
            with partial.open("wb") as new:
                for line in head:
                    is_version = line.startswith(_VERSION)
                    new.write(_VERSION + f"{version},\n".encode() if is_version else line)
                new.write(f"{learned_lines(entries)}{DATA}\n".encode())
                shutil.copyfileobj(old, new)
            shutil.copymode(target, partial)
            partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InvalidReferenceError(
            f"cannot keep what was learned in {path}: {error.strerror}"
        ) from error


def _head(old: BinaryIO, path: Path, digest: str) -> tuple[list[bytes], dict[str, Any]]:
    """Return the lines before what was learned, and that; the data are not read."""
    head: list[bytes] = []
    known: dict[str, Any] = {}
    inside = fits = False
    for line in old:
        text = line.rstrip()
        if text == DATA.encode() and fits:
            return head, known
        if text == BEGIN.encode():
            inside = True
        elif inside and text == END.encode():
            inside = False
        elif inside:
            try:
                known.update(json.loads(b"{" + text.rstrip(b",") + b"}"))
            except ValueError as error:
                raise InvalidReferenceError(f"{path} is damaged: {error}") from error
        else:
            fits = fits or line.startswith(f' "digest": "{digest}"'.encode())
            head.append(line)
    raise InvalidReferenceError(
        f"{path} is not, or no longer, the file of this reference: what was learned is not kept"
    )


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Keep other processes from writing meanwhile, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
