"""The parts: what is installed from PyPI, built from Go modules, vendored from npm, run by Java."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final, NamedTuple

from licenses.texts import of_name, of_text

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "licenses" / "parts.tsv"
_LICENCE_FILE: Final = re.compile(r"(?i)(^|/)(licen[cs]e|copying|notice)[^/]*$")


_LONGEST_NAME: Final = 100


class Part(NamedTuple):
    """One part of somebody else's.

    Args:
        kind: ``python``, ``go``, ``npm`` or ``java``.
        name: What its registry calls it.
        version: Its version.
        licence: SPDX identifier or expression; empty where it is unknown.
    """

    kind: str
    name: str
    version: str
    licence: str


def recorded() -> dict[tuple[str, str, str], str]:
    """Return the licences that the table holds, by kind, name and version."""
    rows = (line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:])
    return {(kind, name, version): licence for kind, name, version, licence in rows}


def installed() -> Iterator[Part]:
    """Yield the distributions of the running environment, but for the project itself."""
    found = {d.metadata["Name"].lower(): d for d in distributions() if d.metadata["Name"]}
    for name, distribution in sorted(found.items()):
        if name != "otelml":
            yield Part("python", name, distribution.version, _licence_of(distribution))


def _licence_of(distribution: Distribution) -> str:
    metadata: Any = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    named = [
        of_name(line.rpartition("::")[2])
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    if kept := sorted({name for name in named if name}):
        return " AND ".join(kept)
    text = str(metadata.get("License") or "")
    found = of_name(text) if len(text) < _LONGEST_NAME else of_text(text)
    return found or next(filter(None, map(of_text, _texts_of(distribution))), "")


def _texts_of(distribution: Distribution) -> Iterator[str]:
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if _LICENCE_FILE.search(str(file)) and path.is_file():
            yield path.read_text("utf-8", "replace")


def required_by_modules() -> Iterator[tuple[str, str]]:
    """Yield name and version of each module that the engines' module files require."""
    for file in sorted((ROOT / "engines").glob("*/*.mod")):
        yield from _requirements(re.sub(r"//.*", "", file.read_text("utf-8")))
    builder = (ROOT / "engines" / "collector" / "builder.yaml").read_text("utf-8")
    yield from re.findall(r"gomod: *[\"']?(\S+) (v[^\s\"']+)", builder)


def _requirements(text: str) -> Iterator[tuple[str, str]]:
    blocks = re.findall(r"^require \((.*?)^\)", text, flags=re.MULTILINE | re.DOTALL)
    single = re.findall(r"^require ([^(\n]+)$", text, flags=re.MULTILINE)
    replacement = re.compile(r"^replace (\S+)(?: \S+)? => (\S+) (\S+)$", flags=re.MULTILINE)
    replaced = {old: (new, version) for old, new, version in replacement.findall(text)}
    for line in filter(None, map(str.strip, [*single, *"\n".join(blocks).splitlines()])):
        name, version = line.split()
        yield replaced.get(name, (name, version))


def vendored() -> Iterator[tuple[str, str]]:
    """Yield name and version of each npm package that is vendored or that a test installs."""
    readme = ROOT / "otelml/viewer/web/static/vendor/README.md"
    yield from dict(re.findall(r"`([@\w/-]+)` (\d[\w.]*)", readme.read_text("utf-8"))).items()
    for file in sorted(ROOT.glob("tests/**/package.json")):
        if "node_modules" not in file.parts:
            text = file.read_text("utf-8")
            yield from re.findall(
                r'"(@?[\w/.-]+)": *"(\d[\w.-]*)"', text.partition("ependencies")[2]
            )


def jars() -> Iterator[tuple[str, str]]:
    """Yield name and version of each jar of the Kafka broker."""
    for line in (ROOT / "engines/kafka/jars.sha256").read_text("utf-8").splitlines():
        yield from re.findall(r"^(.+?)-(\d.*)\.jar$", line.split()[1])


def needed() -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and version of every part that the table must hold."""
    for kind, parts in (("go", required_by_modules()), ("npm", vendored()), ("java", jars())):
        for name, version in sorted(set(parts)):
            yield kind, name, version
