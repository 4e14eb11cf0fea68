"""A folder of wheels that hold metadata alone: an index in any state of a release."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_STABLE, _BETA = ("1.43.0", "1.44.0", "1.45.0", "1.46.0"), ("0.64b0", "0.65b0", "0.66b0", "0.67b0")
_FIRST = (
    "opentelemetry-exporter-otlp",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-exporter-prometheus",
    "opentelemetry-instrumentation-flask",
)
NEXT = len(_STABLE) - 1
"""The place of the release that is under way, in the lists of versions."""


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _of_extra(requirement: str, extra: str) -> str:
    """Return a requirement of an extra, which may have a condition of its own."""
    wanted, mark, condition = requirement.partition(";")
    marker = f"({condition.strip()}) and " if mark else ""
    return f'{wanted.strip()}; {marker}extra == "{extra}"'


def siblings() -> dict[str, list[str]]:
    """Return what OpenTelemetry's packages require, as those installed here do, by name."""
    found: dict[str, list[str]] = {}
    waiting = list(_FIRST)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        wanted = [r for r in distribution(name).requires or () if "extra ==" not in r]
        found[name] = wanted
        waiting.extend(r for r in map(name_of, wanted) if r.startswith("opentelemetry"))
    return found


def versions(name: str) -> tuple[str, ...]:
    """Return the releases of a sibling, the one under way last."""
    return _BETA if "b" in distribution(name).version else _STABLE


def _pinned(requirement: str, release: int) -> str:
    name = name_of(requirement)
    if not name.startswith("opentelemetry"):
        return name
    # "== 1.45.1" and "~= 1.45.1" name the release itself, by whichever of its fixes; "~= 1.12"
    # only a lowest one.
    major, minor = re.match(r"(\d+)\.(\d+)", distribution(name).version).groups()
    its_own = rf"\b{major}\.{minor}(b\d+|\.\d+)"
    return re.sub(its_own, versions(name)[release], requirement.partition(";")[0])


def write_wheel(
    folder: Path, name: str, version: str, requires: Iterable[str], extra: str = ""
) -> None:
    """Write a wheel that holds nothing but what it requires."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    lines = [f"Requires-Dist: {line}" for line in requires]
    metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"{metadata}\n{extra}")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def _extras(name: str) -> str:
    extras = distribution(name).metadata.get_all("Provides-Extra") or ()
    return "".join(f"Provides-Extra: {extra}\n" for extra in extras)


def make_index(folder: Path, ahead: Iterable[str]) -> None:
    """Write an index in which the packages ``ahead`` have their next release, the others not yet."""
    ahead = set(ahead)
    packages = siblings()
    others = {"prometheus-client", "setuptools"}
    for name, requires in packages.items():
        published = NEXT + 1 if name in ahead else NEXT
        for release in range(published):
            pinned = [_pinned(r, release) for r in requires]
            others.update(r for r in map(name_of, pinned) if not r.startswith("opentelemetry"))
            write_wheel(folder, name, versions(name)[release], pinned, _extras(name))
    requires, provided = list(PROJECT["dependencies"]), ""
    for extra, wanted in PROJECT["optional-dependencies"].items():
        provided += f"Provides-Extra: {extra}\n"
        requires += [_of_extra(line, extra) for line in wanted]
    others.update(name_of(r) for r in requires)
    write_wheel(folder, "otelml", "0.1.0", requires, provided)
    for name in sorted(others - set(packages) - {"otelml"}):
        write_wheel(folder, name, "99.0", ())


def resolve(command: list[str], folder: Path, requirement: str) -> dict[str, str]:
    """Return the versions that an installer chooses from an index, by name.

    Args:
        command: ``pip`` or ``uv``, as it is started.
        folder: The index.
        requirement: What is to be installed.
    """
    options = ["--no-index", "--find-links", str(folder)]
    if command[-1] == "compile":
        done = subprocess.run(
            [*command, *options, "--prerelease", "if-necessary-or-explicit", "--no-header", "-q", "-"],
            input=requirement, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return dict(re.findall(r"^([\w-]+)==(\S+)", done.stdout, re.MULTILINE))
    done = subprocess.run(
        [*command, "install", "--dry-run", "--ignore-installed", *options, requirement],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    (chosen,) = re.findall(r"^Would install (.*)$", done.stdout, re.MULTILINE)
    return dict(part.rsplit("-", 1) for part in chosen.split())
