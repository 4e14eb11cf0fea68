"""Where the demo service is: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from otelml.exceptions import OtelmlError

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "demo_service"
_MODEL = "DEMO_MODEL_DIR"


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


def model_folder(environment: Mapping[str, str]) -> Path | None:
    """Return where the demo's model is, or None for the place beside the service."""
    return Path(environment[_MODEL]) if environment.get(_MODEL) else None


def import_from(folder: Path) -> None:
    """Let this process find ``demo_service``."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
