"""What is known of cohorts as texts, a part each, so that only what has changed is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from otelml._quality.concept import Concept

STATE = "state"
Part = tuple[str, str]


def digest_of(concept: Concept) -> str:
    """Return what names a model version in the store, however long its name is."""
    text = json.dumps([concept.model, concept.version, concept.is_value])
    return hashlib.sha256(text.encode()).hexdigest()


class Changes:
    """Which parts have changed since they were last written."""

    def __init__(self) -> None:
        self._written: dict[Part, object] = {}
        self._now: dict[Part, object] = {}

    def of(self, concepts: Iterable[Concept]) -> tuple[dict[Part, str], list[Part]]:
        """Return the text of each part that has changed, and parts that are no more."""
        changed: dict[Part, str] = {}
        self._now = {}
        for concept in concepts:
            digest = digest_of(concept)
            for cohort in concept.cohorts.all():
                part = (digest, str(cohort.start_ms))
                mark = (cohort.changes, cohort.end_ms)
                self._now[part] = mark
                if self._written.get(part) != mark:
                    changed[part] = json.dumps(cohort.saved())
            text = json.dumps(concept.saved())
            self._now[digest, STATE] = text
            if self._written.get((digest, STATE)) != text:
                changed[digest, STATE] = text
        return changed, [part for part in self._written if part not in self._now]

    def written(self) -> None:
        """Say that what was returned last is in the store."""
        self._written = self._now

    def forget(self) -> None:
        """Take nothing as written: the store has what another process wrote."""
        self._written = {}


def read_parts(parts: Mapping[Part, str]) -> Iterable[tuple[dict[str, object], list[str]]]:
    """Yield the state of each model version, and the texts of its cohorts."""
    for (digest, name), text in parts.items():
        if name == STATE:
            cohorts = [one for (of, part), one in parts.items() if of == digest and part != STATE]
            yield json.loads(text), cohorts
