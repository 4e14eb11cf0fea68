"""Installing from an index that is in the middle of a release of OpenTelemetry's packages."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installs._index import NEXT, PROJECT, make_index, name_of, resolve, siblings, versions

pytestmark = pytest.mark.slow
_EXTRAS = ("flask", "sklearn", "prometheus", "grpc")


@pytest.fixture(scope="module")
def installers(tmp_path_factory):
    """The pip that this Python brings, the newest installed, and uv where there is one."""
    folder = tmp_path_factory.mktemp("bundled")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    found = {
        "bundled pip": [str(folder / "bin" / "python"), "-m", "pip"],
        "own pip": [sys.executable, "-m", "pip"],
    }
    uv = shutil.which("uv")
    if uv is not None and not subprocess.run([uv, "--version"], check=False).returncode:
        found["uv"] = [uv, "pip", "compile"]
    return found


def _fit_together(chosen: dict[str, str]) -> bool:
    packages = siblings()
    releases = {versions(name).index(v) for name, v in chosen.items() if name in packages}
    return len(releases) == 1


def _cases():
    """Yield the states that an index goes through: the SDK's packages first, then contrib's."""
    names = sorted(siblings())
    contrib = [n for n in names if "instrumentation" in n or n == "opentelemetry-util-http"]
    core = [n for n in names if n not in contrib]
    for order in (1, -1):
        release = core[::order] + contrib[::order]
        for published in range(len(release) + 1):
            yield f"{published} published{'' if order == 1 else ', from z'}", release[:published]
    for name in names:
        yield f"only {name}", (name,)


@pytest.mark.parametrize("ahead", [pytest.param(c[1], id=c[0]) for c in _cases()])
def test_a_half_published_release_is_no_obstacle(ahead, tmp_path, installers):
    """Whatever of a release is there already, the pip that Python brings finds a set that fits."""
    make_index(tmp_path, ahead)
    chosen = resolve(installers["bundled pip"], tmp_path, "otelml[flask,sklearn]")
    assert _fit_together(chosen), chosen
    if len(ahead) == len(siblings()):
        assert chosen["opentelemetry-sdk"] == versions("opentelemetry-sdk")[NEXT]


@pytest.mark.parametrize("ahead", ["opentelemetry-sdk", "opentelemetry-instrumentation-flask"])
def test_any_order_of_extras(ahead, tmp_path, installers):
    """The order in which extras are named decides nothing."""
    make_index(tmp_path, [ahead])
    for command in installers.values():
        answers = [
            resolve(command, tmp_path, f"otelml[{','.join(extras)}]")
            for extras in itertools.islice(itertools.permutations(_EXTRAS), 0, None, 7)
        ]
        assert all(answer == answers[0] for answer in answers)
        assert _fit_together(answers[0])


def test_all_extras_install(tmp_path, installers):
    """``otelml[all]`` too, in the middle of a release."""
    make_index(tmp_path, ["opentelemetry-api", "opentelemetry-instrumentation"])
    for command in installers.values():
        assert "opentelemetry-exporter-prometheus" in resolve(command, tmp_path, "otelml[all]")


def test_the_core_has_no_contrib_package():
    """Siblings that are pinned to each other come with extras only."""
    core = {name_of(line) for line in PROJECT["dependencies"]}
    assert not {name for name in core if "instrumentation" in name or "prometheus" in name}


def test_the_index_holds_the_pins_of_the_real_packages(tmp_path: Path):
    """Otherwise the tests above could not fail: a sibling's own release is pinned in each."""
    make_index(tmp_path, siblings())
    pins = siblings()["opentelemetry-instrumentation-flask"]
    assert any("opentelemetry-instrumentation==" in pin for pin in pins)
    assert len(list(tmp_path.glob("opentelemetry_sdk-*"))) == NEXT + 1
