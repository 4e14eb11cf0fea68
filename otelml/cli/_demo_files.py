"""Where the demo service is: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from otelml._id_options import SHORTEST
from otelml.exceptions import OtelmlError

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "demo_service"
_MODEL = "DEMO_MODEL_DIR"
_SECRET_MOST = 200


def demo_folder() -> Path:
    """Return the folder from which ``demo_service`` can be imported.

    Raises:
        OtelmlError: This installation has no demo service.
    """
    for folder in (_PACKAGE / "_demo", _PACKAGE.parent):
        if (folder / _NAME / "__main__.py").is_file():
            return folder
    raise OtelmlError(
        f"this installation of otelml has no demo service (looked in {_PACKAGE / '_demo'}); "
        "install it again: pip install --force-reinstall --no-deps otelml"
    )


def environment_of(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose processes find ``demo_service`` before any other of its name.

    An installed demo keeps its model with the user: where packages are may not be written to.

    Args:
        folder: What :func:`demo_folder` returned.
        given: The variables to begin with.
    """
    paths = [str(folder), *filter(None, given.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {**given, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
    if folder.parent == _PACKAGE and not given.get(_MODEL):
        cache = given.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        environment[_MODEL] = str(Path(cache) / "otelml" / "demo-model")
    return environment


def demo_secret(given: Mapping[str, str]) -> str:
    """Return the demo's key of prediction ids, made once and kept with the user.

    Where it cannot be kept, it is one of this run alone.

    Args:
        given: The variables that say where the user's files are.
    """
    cache = given.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(cache) / "otelml" / "demo-secret"
    made = secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "r+", encoding="ascii") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return made
            path.chmod(0o600)
            kept = file.read(_SECRET_MOST).strip()
            if len(kept) >= SHORTEST:
                return kept
            file.seek(0)
            file.truncate()
            file.write(made + "\n")
    except (OSError, ValueError):
        return made
    return made


def model_folder(environment: Mapping[str, str]) -> Path | None:
    """Return where the demo's model is, or None for the place beside the service."""
    return Path(environment[_MODEL]) if environment.get(_MODEL) else None


def import_from(folder: Path) -> None:
    """Let this process find ``demo_service``."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
