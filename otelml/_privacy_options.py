"""The options of privacy: what of the customers' data may leave the process, for all signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otelml import environment_variables as env
from otelml._option_fields import Options, option_field

PRIVATE: Final = "private"
INTERNAL: Final = "internal"
OPEN: Final = "open"
LEVELS: Final = (PRIVATE, INTERNAL, OPEN)


@dataclass(frozen=True, kw_only=True)
class PrivacyOptions(Options):
    """Options of privacy; they hold for spans, metrics, logs, reports and the endpoints alike."""

    level: str = option_field(
        PRIVATE,
        "`private`: no exact feature value leaves the process. `internal`: values, samples and "
        "messages of exceptions do. `open`: query strings too.",
        env.OTELML_PRIVACY,
        choices=LEVELS,
    )
    redact: tuple[str, ...] = option_field(
        (), "Features and fields whose values are sent at no level.", env.OTELML_REDACT
    )
    allow: tuple[str, ...] = option_field(
        (), "Features whose values are sent at `private` too.", env.OTELML_ALLOW
    )
    queries: tuple[str, ...] = option_field(
        (), "Parameters of query strings that are sent below `open`.", env.OTELML_ALLOW_QUERIES
    )
    min_rows: int = option_field(
        50, "Rows that `ml.feature.min`, `.max` and `.mean` are of at least, at `private`.", low=2
    )
    digits: int = option_field(
        2, "Significant digits that those have at `private`.", low=1, high=17
    )
