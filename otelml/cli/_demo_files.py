"""Where the demo service is: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from otelml.exceptions import OtelmlError

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "demo_service"


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


def importable(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose processes find ``demo_service`` before any other of its name."""
    paths = [str(folder), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    return {**environment, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def import_from(folder: Path) -> None:
    """Let this process find ``demo_service``."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
