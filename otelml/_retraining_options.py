"""The options of retraining: when it is recommended, and who is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from otelml import environment_variables as env
from otelml._durations import seconds
from otelml._hints import hint
from otelml._hosts import is_loopback
from otelml._option_fields import Options, option_field
from otelml._shown import shown, shown_path
from otelml.exceptions import ConfigurationError

CONDITIONS: Final = (
    "drift",
    "detected",
    "critical",
    "quality",
    "loss",
    "prediction_rate",
    "age",
)
_AND: Final = re.compile(r"\s+and\s+")
_LOWEST_S: Final = {"min_age": 0.0, "cooldown": 0.0, "timeout": 0.001, "command_timeout": 0.001}


@dataclass(frozen=True, kw_only=True)
class RetrainingOptions(Options):
    """Options of retraining, a part of ``DriftOptions``."""

    enabled: bool = option_field(
        True, "Say whether a model should be retrained.", env.OTELML_RETRAINING
    )
    rules: tuple[str, ...] = option_field(
        ("drift and quality and age", "critical"),
        "Each by itself recommends a retraining: conditions with `and` between, of `drift` (the "
        "largest KL is above `kl`), `detected` (a feature has drifted by the alarm budget), "
        "`critical` (a critical one has), `quality` (worse than at training, by the alarm budget), "
        "`loss` (by more than 0.05 in the last window), `prediction_rate` (a label's share has "
        "moved by more than 0.1) and `age`.",
        env.OTELML_RETRAINING_RULES,
    )
    kl: float = option_field(0.5, "KL divergence of a feature above which there is `drift`.", low=0)
    min_age: str | float = option_field(
        "7d", "Time since training after which there is `age`, seconds or `30s`, `1h`, `7d`."
    )
    trained_at: str | None = option_field(
        None,
        "When the model was trained, ISO 8601; by default when its reference was made.",
        env.OTELML_TRAINED_AT,
    )
    cooldown: str | float = option_field(
        "1d", "Least time between two triggers of one model.", env.OTELML_RETRAINING_COOLDOWN
    )
    state: str | None = option_field(
        None,
        "File that keeps the history and the cooldown over restarts, and for all processes that "
        "share it.",
        env.OTELML_RETRAINING_STATE,
    )
    history: int = option_field(50, "Triggers that the history keeps.", low=1, high=1000)
    dry_run: bool = option_field(
        False, "Decide and tell, but trigger nothing.", env.OTELML_RETRAINING_DRY_RUN
    )
    webhook: str | None = option_field(
        None, "URL that is told, by a signed POST.", env.OTELML_RETRAINING_WEBHOOK, secret=True
    )
    webhook_secret: str | None = option_field(
        None,
        "Key of the signature; needed with `webhook`.",
        env.OTELML_RETRAINING_SECRET,
        secret=True,
    )
    webhook_ca: str | None = option_field(
        None, "File of the certificates that vouch for the URL; by default those of `requests`."
    )
    attempts: int = option_field(
        6, "Times that the POST is tried, with growing pauses.", low=1, high=20
    )
    timeout: str | float = option_field("10s", "Time that one POST may take.")
    command: tuple[str, ...] = option_field(
        (), "Program and arguments to run, without a shell.", env.OTELML_RETRAINING_COMMAND
    )
    command_timeout: str | float = option_field("1h", "Time after which the command is killed.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in _LOWEST_S.items():
            key = f"RetrainingOptions.{name}"
            value = getattr(self, name)
            if seconds(key, value) < low:
                raise ConfigurationError(f"{key} is {shown(value)}; it must be more than 0")
        for rule in self.rules:
            for condition in conditions_of(rule):
                _check_condition(condition)
        if self.trained_at is not None:
            _trained_at_s(self.trained_at)
        if self.webhook is not None:
            self._check_webhook(self.webhook)
        if self.state is not None and (not self.state.strip() or Path(self.state).is_dir()):
            raise ConfigurationError(
                f"RetrainingOptions.state is {shown_path(self.state)}; it must be a file"
            )
        if not all(self.command):
            raise ConfigurationError(
                "RetrainingOptions.command has an empty part; it must be program and arguments"
            )

    def _check_webhook(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            parts, host = urlsplit(""), None
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise ConfigurationError(
                "RetrainingOptions.webhook must be an https:// URL without a user"
            )
        if parts.scheme == "http" and not is_loopback(host):
            raise ConfigurationError(
                "RetrainingOptions.webhook goes to another host without TLS; it must be https://"
            )
        if not self.webhook_secret:
            raise ConfigurationError(
                "RetrainingOptions.webhook needs RetrainingOptions.webhook_secret "
                f"({env.OTELML_RETRAINING_SECRET}), the key of its signature"
            )
        if self.webhook_ca is not None and not Path(self.webhook_ca).exists():
            raise ConfigurationError(
                f"RetrainingOptions.webhook_ca is {shown_path(self.webhook_ca)}; "
                "there is no such file"
            )

    def __repr__(self) -> str:
        """Keep the secret and the URL, which may hold one, out of logs."""
        webhook = "'***'" if self.webhook else "None"
        return (
            f"RetrainingOptions(enabled={self.enabled}, rules={self.rules}, kl={self.kl}, "
            f"min_age={self.min_age!r}, cooldown={self.cooldown!r}, state={self.state!r}, "
            f"dry_run={self.dry_run}, webhook={webhook}, command={len(self.command)} parts)"
        )

    @property
    def min_age_s(self) -> float:
        """Seconds since training."""
        return seconds("RetrainingOptions.min_age", self.min_age)

    @property
    def cooldown_s(self) -> float:
        """Seconds between two triggers."""
        return seconds("RetrainingOptions.cooldown", self.cooldown)

    @property
    def timeout_s(self) -> float:
        """Seconds of one POST."""
        return seconds("RetrainingOptions.timeout", self.timeout)

    @property
    def command_timeout_s(self) -> float:
        """Seconds of the command."""
        return seconds("RetrainingOptions.command_timeout", self.command_timeout)

    @property
    def trained_at_s(self) -> float | None:
        """When the model was trained, seconds since the epoch; None where it is not said."""
        return None if self.trained_at is None else _trained_at_s(self.trained_at)


def conditions_of(rule: str) -> tuple[str, ...]:
    """Return the conditions of a rule.

    >>> conditions_of("drift and age")
    ('drift', 'age')
    """
    return tuple(_AND.split(rule.strip()))


def _check_condition(condition: str) -> None:
    if condition not in CONDITIONS:
        raise ConfigurationError(
            f"RetrainingOptions.rules has {shown(condition, CONDITIONS)}, which is no condition; "
            f"{hint(condition, CONDITIONS)}"
        )


def time_of(text: str) -> float | None:
    """Return seconds since the epoch of an ISO 8601 time, UTC where no zone is said; else None.

    >>> time_of("1970-01-01T00:01:00Z")
    60.0
    """
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def _trained_at_s(text: str) -> float:
    found = time_of(text)
    if found is None:
        raise ConfigurationError(
            f"RetrainingOptions.trained_at is {shown(text)}; it must be a time such as "
            "2026-01-31T10:15:00Z"
        )
    return found
