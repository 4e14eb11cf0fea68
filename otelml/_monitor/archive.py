"""Reports of past checks, a bounded number: in memory, and as files where a folder is named."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from otelml import _guard, _threads
from otelml._monitor.page import page_of
from otelml._monitor.report import Report
from otelml._monitor.stored import Stored, history_of
from otelml._report import write

LATEST = "latest"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9_.-]{1,100}-[0-9a-f]{6}(-manual)?", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)
_MOST_FINDINGS = 20_000  # of all kept reports together; each holds its bins
_MOST_BYTES = 64 * 1024 * 1024
_BRIEF = ("name", "manual", "model", "version", "at", "rows", "drifted", "learning", "counted")


class Archive:
    """Keeps the newest reports.

    Args:
        most: How many.
        folder: Where they are written too; None writes none.
    """

    def __init__(self, most: int, folder: str | None = None) -> None:
        self._most = most
        self._folder = Path(folder) if folder is not None else None
        self._token = secrets.token_hex(3)
        self._stored: dict[str, Stored] = {}
        self._latest: dict[tuple[str, str], str] = {}
        self._to_write: deque[Stored] = deque(maxlen=most)
        self._lock = _threads.Lock()
        self._is_writing = False
        self._written = _threads.Event()
        self._written.set()

    def add(self, report: Report, manual: bool, past: Iterable[Report]) -> None:
        """Keep a report; on the worker.

        Args:
            report: The report.
            manual: Whether someone asked for the check.
            past: The checks of that model version, this one among them.
        """
        name = self._name(report, manual)
        stored = Stored(name, manual, report, history_of(past, report))
        kept = {**self._stored, name: stored}
        findings = sum(len(one.report.findings) for one in kept.values())
        while len(kept) > self._most or (findings > _MOST_FINDINGS and len(kept) > 1):
            oldest = next(iter(kept))
            findings -= len(kept.pop(oldest).report.findings)
        self._stored = kept  # a new one: others read it meanwhile
        self._latest[report.model, report.version] = name
        names = set(kept)
        self._latest = {key: one for key, one in self._latest.items() if one in names}
        if self._folder is not None:
            self._to_write.append(stored)
            self._begin_writing(self._folder)

    def _name(self, report: Report, manual: bool) -> str:
        what = _UNSAFE.sub("_", f"{report.model}-{report.version}".rstrip("-"))[:80] or "model"
        end_ms = report.end_ns // 1_000_000
        while True:
            when = datetime.fromtimestamp(end_ms / 1e3, timezone.utc)
            stamp = f"{when:%Y%m%dT%H%M%S}.{end_ms % 1000:03d}Z"
            name = f"{stamp}-{what}-{self._token}{'-manual' if manual else ''}"
            if name not in self._stored:
                return name
            end_ms += 1

    # --- files ------------------------------------------------------------------------------

    def _begin_writing(self, folder: Path) -> None:
        """Write on a thread of its own: a page of a thousand features takes seconds to make."""
        with self._lock:
            if self._is_writing:
                return
            self._is_writing = True
            self._written.clear()
        try:
            _threads.Thread(self._write_all, (folder,), name="otelml-reports").start()
        except RuntimeError as error:  # not before the fork; the next report tries again
            self._is_writing = False
            self._written.set()
            _guard.report("drift reports", error, expected=True)

    def _write_all(self, folder: Path) -> None:
        while True:
            with self._lock:
                if not self._to_write:
                    self._is_writing = False
                    self._written.set()
                    return
                stored = self._to_write.popleft()
            _guard.contain("drift reports", self._write, folder, stored)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is written; return whether it is.

        Args:
            timeout_s: Seconds to wait.
        """
        return self._written.wait(timeout_s)

    def _write(self, folder: Path, stored: Stored) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{stored.name}.html", page_of(stored))
        # Last: what has no JSON is not listed.
        write(folder / f"{stored.name}.json", json.dumps(stored.to_dict(), allow_nan=False))
        for name in self._names(folder)[self._most :]:
            for kind in ("json", "html"):
                (folder / f"{name}.{kind}").unlink(missing_ok=True)

    @staticmethod
    def _names(folder: Path) -> list[str]:
        """Return the reports in a folder, the newest first."""
        try:
            with os.scandir(folder) as entries:
                found = [
                    entry.name[:-5]
                    for entry in entries
                    if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False)
                ]
        except OSError:  # nothing was written yet, or it cannot be read
            return []
        return sorted((name for name in found if _NAME.fullmatch(name)), reverse=True)

    def _read(self, name: str, kind: str) -> str | None:
        """Return a file that an archive made; None where there is none of that name."""
        if self._folder is None or _NAME.fullmatch(name) is None:
            return None
        path = self._folder / f"{name}.{kind}"
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        with os.fdopen(handle, encoding="utf-8") as stream:
            return stream.read(_MOST_BYTES)

    # --- what others read -------------------------------------------------------------------

    def list(self) -> list[dict[str, Any]]:
        """Return what there is, the newest first: name, model, rows and what drifted of each."""
        found = {name: one.brief() for name, one in self._stored.items()}
        for name in self._names(self._folder) if self._folder is not None else ():
            content = None if name in found else self.content(name)
            if content is not None:
                found[name] = {key: content[key] for key in _BRIEF}
        newest = sorted(found.values(), key=lambda one: (one["at"], one["name"]), reverse=True)
        return newest[: self._most]

    def latest(self, model: str | None = None, version: str | None = None) -> str | None:
        """Return the name of the newest report, of one model version where that is said."""
        for one in self.list():
            if model in (None, one["model"]) and version in (None, one["version"]):
                return str(one["name"])
        return None

    def latest_of(self, model: str, version: str) -> str | None:
        """Return the name of the newest report that is in memory of a model version."""
        return self._latest.get((model, version))

    def content(self, name: str) -> dict[str, Any] | None:
        """Return a report as what JSON can hold; None where there is none of that name."""
        stored = self._stored.get(name)
        if stored is not None:
            return stored.to_dict()
        text = self._read(name, "json")
        if text is None:
            return None
        try:
            content = json.loads(text)
        except ValueError:  # someone wrote in it
            return None
        ours = isinstance(content, dict) and all(key in content for key in _BRIEF)
        return content if ours and content["name"] == name else None

    def page(self, name: str, back: str = "") -> str | None:
        """Return a report as a page; None where there is none of that name.

        Args:
            name: The report's.
            back: Where the list of all is; a page that was written as a file does not say.

        Raises:
            MissingDependencyError: The extra ``report`` is not installed.
        """
        stored = self._stored.get(name)
        return page_of(stored, back) if stored is not None else self._read(name, "html")
