"""What a variable names and an installed package brings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, Final

from otelml._hints import hint
from otelml._shown import scrubbed, shown
from otelml.exceptions import ConfigurationError

__all__ = ["load"]

_PACKAGES: Final = {"zipkin": "opentelemetry-exporter-zipkin"}


def load(group: str, wanted: str, variable: str, others: Sequence[str] = ()) -> Any:
    """Return what an entry point names, in whatever case.

    Args:
        group: The group of the entry point.
        wanted: Its name.
        variable: The variable that holds the name.
        others: Further names that the variable may have.

    Raises:
        ConfigurationError: It is not installed, or cannot be imported.
    """
    found = {point.name: point for point in entry_points(group=group)}
    point = found.get(wanted) or {n.lower(): p for n, p in found.items()}.get(wanted.lower())
    if point is None:
        package = _PACKAGES.get(wanted.lower())
        install = f"pip install {package}" if package and group.endswith("_exporter") else ""
        meant = install or hint(wanted.lower(), sorted({*found, *others}), "valid")
        known = (*found, *others, *_PACKAGES)
        raise ConfigurationError(
            f"{variable} is {shown(wanted, known)}, which is not installed; {meant}"
        )
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{variable} is {shown(wanted, (point.name,))}, which cannot be loaded: "
            f"{scrubbed(str(error))}"
        ) from error
