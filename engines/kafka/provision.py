"""Fetch the broker's jars once: ``python3 -m engines.kafka.provision``.

Maven fetches them, so its settings say from where. They are checked against ``jars.sha256`` and
kept beside the built engines.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engines.build import BuildError
from engines.table import cache_root

FOLDER = Path(__file__).resolve().parent
SUMS = FOLDER / "jars.sha256"
POM = FOLDER / "pom.xml"


def location() -> Path:
    """Return the folder of the jars, fetched or not."""
    digest = hashlib.sha256(POM.read_bytes() + b"\0" + SUMS.read_bytes()).hexdigest()[:16]
    return cache_root() / f"kafka-{digest}"


def jars() -> Path:
    """Return the folder of the jars.

    Raises:
        engines.build.BuildError: If they have not been fetched.
    """
    if not (folder := location()).is_dir():
        raise BuildError("the Kafka broker's jars are missing: run tests/install-kafka")
    return folder


def verify(folder: Path) -> None:
    """Compare the jars of a folder with the pinned sums.

    Raises:
        engines.build.BuildError: If one is missing, is another, or should not be there.
    """
    lines = [line.split() for line in SUMS.read_text().splitlines()]
    pinned = {name: digest for digest, name in lines}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    if wrong := sorted(n for n in pinned | found if pinned.get(n) != found.get(n)):
        raise BuildError(f"not what {SUMS.name} pins: {', '.join(wrong)}")


def provision() -> Path:
    """Fetch the jars unless they are there; return their folder.

    Raises:
        engines.build.BuildError: If Maven is missing or fails, or a jar is not the pinned one.
    """
    if (target := location()).is_dir():
        return target
    if not (maven := shutil.which("mvn")):
        raise BuildError("Maven is needed and there is no mvn on PATH: apt-get install maven")
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_root(), prefix=".kafka-") as scratch:
        work = Path(scratch)
        shutil.copy(POM, work)
        command = [maven, "--quiet", "--batch-mode", "dependency:copy-dependencies"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        verify(work / "jars")
        if not target.is_dir():
            (work / "jars").replace(target)
    return target


def main() -> int:
    """Fetch the jars; return the exit code."""
    try:
        print(f"Kafka's jars are in {provision()}")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
