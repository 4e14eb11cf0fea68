"""``OTELML_*`` variables that mean nothing, which are mostly misspelled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from otelml import environment_variables
from otelml._hints import nearest

__all__ = ["unknown_variables"]

_PREFIX: Final = "OTELML_"
_KNOWN: Final = frozenset(
    value for name, value in vars(environment_variables).items() if name.startswith(_PREFIX)
)
# Of the stack beside the service, and of our own tests: an environment may be shared.
_OTHERS: Final = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "DEMO_SECRET",
        "DUMP_DIR",
        "HOST_ROOT",
        "LOGS_PATH",
        "ORDINARY_SPANS",
        "OTLP_TOKEN",
        "PROMETHEUS_URL",
        "SECRETS_DIR",
        "STACK_SECRETS",
        "TENANT",
        "TOKEN_FILE",
        "VIEWER_URL",
    )
)
_FAMILIES: Final = tuple(
    f"{_PREFIX}{name}_"
    for name in (
        "ALERT",
        "ALERTMANAGER",
        "COLLECTOR",
        "FAULT",
        "GATEWAY",
        "GRAFANA",
        "JAEGER",
        "KAFKA",
        "LOKI",
        "PORT",
        "REMOTE_WRITE",
        "SAMPLING",
        "SMTP",
        "SUITE",
        "TLS",
        "VICTORIALOGS",
    )
)


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence about each variable that is not known, with the nearest that is.

    Args:
        environ: The environment; that of the process by default.
    """
    found: list[str] = []
    for name in sorted(os.environ if environ is None else environ):
        upper = name.upper()
        if not upper.startswith(_PREFIX) or name in _KNOWN | _OTHERS or name.startswith(_FAMILIES):
            continue
        near = upper if upper in _KNOWN else nearest(upper, sorted(_KNOWN), _LIKE)
        found.append(
            f"{name} is not a variable of otelml" + (f"; did you mean {near}?" if near else "")
        )
    return found


_LIKE: Final = 0.75  # the prefix is alike in all of them
