"""Build the engines that are missing: ``python3 -m engines.build``.

A build is keyed by the hash of the engine's files and the Go version, so it is paid once a machine.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engines.table import ENGINES, TABLE, TOOLS, Engine, cache_root

if TYPE_CHECKING:
    from collections.abc import Generator

MINIMUM_GO = (1, 26, 5)
INSTALL_GO = (
    "Get it from https://go.dev/dl/ (unpack into /usr/local, add /usr/local/go/bin to PATH) "
    "or from your system's packages."
)
PROGRESS_EVERY_S = 15.0


class BuildError(Exception):
    """An engine is missing or could not be built; the message says what to do."""


def go_version() -> str:
    """Return the version of Go on the path, as in ``1.26.5``.

    Raises:
        BuildError: If there is none or it is too old.
    """
    needed = ".".join(map(str, MINIMUM_GO))
    if not (go := shutil.which("go")):
        raise BuildError(f"Go {needed} or newer is needed and there is no go on PATH. {INSTALL_GO}")
    said = subprocess.run([go, "version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    if not found:
        raise BuildError(f"cannot read the version of Go from {said.strip()!r}")
    version = tuple(int(part or 0) for part in found.groups())
    if version < MINIMUM_GO:
        raise BuildError(f"Go {needed} or newer is needed, this is {said.strip()!r}. {INSTALL_GO}")
    return ".".join(map(str, version))


def digest(engine: Engine) -> str:
    """Return the hash of what decides an engine's binary: its files, its table entry."""
    hashed = hashlib.sha256(
        repr((engine.packages, engine.version, engine.linked, engine.tags)).encode()
    )
    for file in sorted((ENGINES / engine.name).glob("*")):
        hashed.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return hashed.hexdigest()[:16]


def location(engine: Engine) -> Path:
    """Return the folder of an engine's binaries, built or not.

    The Go version is not asked for here: whoever only runs an engine needs no Go.
    """
    return cache_root() / f"{engine.name}-{digest(engine)}"


def is_built(engine: Engine) -> bool:
    """Tell whether every binary of an engine is there."""
    return all((location(engine) / binary).is_file() for binary in engine.binaries)


def binary(name: str) -> Path:
    """Return the path of a binary, ``promtool`` for one.

    Raises:
        BuildError: If it has not been built.
    """
    for engine in (TABLE | TOOLS).values():
        if name in engine.binaries:
            if not is_built(engine):
                tools = " ARGS=--tools" if engine.name in TOOLS else ""
                raise BuildError(f"{name} is not built: run `make engines{tools}`")
            return location(engine) / name
    raise BuildError(f"no engine has a binary {name!r}")


@contextmanager
def _lock() -> Generator[None]:
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build is running, waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _environment(bin_dir: Path) -> dict[str, str]:
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOBIN": str(bin_dir),
        "GOFLAGS": (os.environ.get("GOFLAGS", "") + " -buildvcs=false -trimpath").strip(),
        "GOWORK": "off",
    }


def _run(engine: Engine, command: list[str], cwd: Path, log: Path, bin_dir: Path) -> None:
    """Run one build step at low priority, saying now and then that it is alive."""
    started = time.monotonic()
    done = threading.Event()

    def tell() -> None:
        while not done.wait(PROGRESS_EVERY_S):
            elapsed = time.monotonic() - started
            print(
                f"{engine.name}: {elapsed:5.0f} s, a cold build takes about "
                f"{engine.build_minutes} min",
                flush=True,
            )

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        with log.open("a") as output:
            code = subprocess.run(
                ["nice", "-n", "10", *command],
                cwd=cwd,
                env=_environment(bin_dir),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    finally:
        done.set()
        teller.join()
    if code:
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildError(f"{engine.name}: {' '.join(command)} ended with {code}:\n  {tail}")


def _linker_flags(engine: Engine) -> str:
    return " ".join(["-s -w", *(f"-X {name}={engine.version}" for name in engine.linked)])


def _build_modules(engine: Engine, work: Path, log: Path) -> None:
    tags = ["-tags", ",".join(engine.tags)] if engine.tags else []
    command = ["go", "install", *tags, "-ldflags", _linker_flags(engine), *engine.packages]
    _run(engine, command, ENGINES / engine.name, log, work)


def write_collector_sources(engine: Engine, work: Path, log: Path, *options: str) -> Path:
    """Build the builder and let it write the Collector's sources; return their folder."""
    folder = ENGINES / engine.name
    tool = "go.opentelemetry.io/collector/cmd/builder"
    _run(engine, ["go", "install", "-ldflags", "-s -w", tool], folder, log, work)
    config = work / "builder.yaml"
    text = (folder / "builder.yaml").read_text()
    config.write_text(re.sub(r"output_path: .*", f"output_path: {work}/source", text))
    (work / "source").mkdir()
    command = [str(work / "builder"), f"--config={config}", "--skip-compilation", *options]
    _run(engine, command, work, log, work)
    (work / "builder").unlink()
    return work / "source"


def _build_collector(engine: Engine, work: Path, log: Path) -> None:
    """Compile the Collector with the versions that are committed: to find them takes minutes."""
    source = write_collector_sources(engine, work, log, "--skip-get-modules")
    for end in ("mod", "sum"):
        shutil.copyfile(ENGINES / engine.name / f"otelcol.{end}", source / f"go.{end}")
    program = str(work / engine.binaries[0])
    command = ["go", "build", "-ldflags", _linker_flags(engine), "-o", program, "."]
    _run(engine, command, source, log, work)
    shutil.rmtree(source)
    _build_modules(engine, work, log)


def build(engine: Engine, *, force: bool = False) -> float:
    """Build an engine unless it is there; return the seconds it took, 0.0 if nothing was to do.

    Raises:
        BuildError: If Go is missing or the build fails; the log stays in the cache.
    """
    with _lock():
        if is_built(engine) and not force:
            return 0.0
        version = go_version()
        print(f"{engine.name} {engine.version}: building with Go {version}", flush=True)
        log = cache_root() / f"{engine.name}.log"
        log.write_text("")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=cache_root(), prefix=f".{engine.name}-") as scratch:
            work = Path(scratch)
            build_all = _build_collector if engine.name == "collector" else _build_modules
            build_all(engine, work, log)
            target = location(engine)
            target.mkdir(exist_ok=True)
            for name in engine.binaries:
                (work / name).replace(target / name)
            (target / "go-version").write_text(version + "\n")
        elapsed = time.monotonic() - started
        print(f"{engine.name} {engine.version}: built in {elapsed:.0f} s", flush=True)
        return elapsed


def main(arguments: list[str] | None = None) -> int:
    """Build or check the engines; return the exit code."""
    parser = argparse.ArgumentParser(prog="engines.build", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(TABLE | TOOLS), metavar="NAME")
    parser.add_argument("--tools", action="store_true", help="what only tests run, too")
    parser.add_argument("--check", action="store_true", help="build nothing, say what is missing")
    parser.add_argument("--force", action="store_true", help="build even what is there")
    parser.add_argument("--where", action="store_true", help="print the folders of the binaries")
    options = parser.parse_args(arguments)
    chosen = TABLE | TOOLS if options.tools or options.only else TABLE
    engines = [e for e in chosen.values() if not options.only or e.name in options.only]
    if options.where:
        print(*(location(engine) for engine in engines), sep="\n")
        return 0
    if options.check:
        missing = [engine.name for engine in engines if not is_built(engine)]
        if missing:
            print(f"not built: {', '.join(missing)}; run `make engines`", file=sys.stderr)
        return bool(missing)
    started = time.monotonic()
    try:
        for position, engine in enumerate(engines, 1):
            state = "built" if build(engine, force=options.force) else "already there"
            print(
                f"[{position}/{len(engines)}] {engine.name} {engine.version}: {state}", flush=True
            )
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"all engines are in {cache_root()} ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
