"""Every error that otelml raises on purpose."""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "FeedbackError",
    "InvalidReferenceError",
    "LabelSourceError",
    "MissingDependencyError",
    "OtelmlError",
    "PortInUseError",
    "QualityError",
]


class OtelmlError(Exception):
    """The base of all errors raised by otelml."""


class ConfigurationError(OtelmlError, ValueError):
    """A setting is wrong; the message names the key, the value, its source and the remedy."""


class MissingDependencyError(OtelmlError, ImportError):
    """A feature needs an extra that is not installed; the message holds the pip command.

    Args:
        feature: What was asked for, as the user wrote it.
        extra: The extra of the ``otelml`` distribution that provides it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'otelml[{extra}]'")
        self.feature = feature
        self.extra = extra


class FeedbackError(OtelmlError, ValueError):
    """A prediction id or a label cannot be used; the message may be shown to a client.

    Args:
        message: What is wrong.
        reason: A low-cardinality word for it, as counted by ``ml.feedback.rejected``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class LabelSourceError(OtelmlError, OSError):
    """A source of labels cannot be read; the message says why, and holds no secret.

    Args:
        message: What is wrong.
        reason: A low-cardinality word for it, the ``error.type`` of its counter.
        wait_s: Seconds that the source asks for until the next try; None where it does not.
    """

    def __init__(self, message: str, reason: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.wait_s = wait_s


class InvalidReferenceError(OtelmlError, ValueError):
    """A reference, or the data for one, cannot be used; the message says what is wrong with it."""


class PortInUseError(OtelmlError, OSError):
    """A port that a server should listen on is taken.

    Args:
        port: The port.
        option: The command-line option or setting that chooses another one.
    """

    def __init__(self, port: int, option: str) -> None:
        super().__init__(
            f"port {port} is in use by another process; choose another with {option}, "
            f"or stop what listens there"
        )
        self.port = port
        self.option = option


class QualityError(OtelmlError, ValueError):
    """Labels, scores or numbers cannot be compared; the message says what is wrong with them."""
