"""Which requests are predictions, by which protocol, and of which model."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from otelml._proxy.fields import Body
from otelml._proxy.inference import InferenceBody
from otelml._proxy.mlflow import MlflowBody
from otelml._proxy.template import Template

__all__ = ["Known", "Protocols"]

_INVOCATIONS: Final = "/invocations"
_INFER: Final = re.compile(
    r"/v2/models/(?P<model>[^/]{1,100})(?:/versions/(?P<version>[^/]{1,100}))?/infer"
)
_MOST_MODELS: Final = 200
_OTHER: Final = "_OTHER"


class Known(NamedTuple):
    """A request that is a prediction.

    Args:
        route: The template of its path.
        body: How its bodies are read.
        model: The model that its path names; None where it names none.
        version: The version that its path names.
    """

    route: str
    body: Body
    model: str | None = None
    version: str | None = None


class Protocols:
    """Tells predictions from other requests.

    Args:
        template: Of an API of one's own; its requests are every POST that is of no other protocol.
        path: The path of those, where not all of them are.
    """

    def __init__(self, template: Template | None = None, path: str | None = None) -> None:
        self._template = template
        self._path = path
        self._models: set[tuple[str, str | None]] = set()
        self._mlflow, self._inference = MlflowBody(), InferenceBody()

    def route(self, path: str) -> str | None:
        """Return the template of a path, for spans and metrics; None where it is not known."""
        if path in (_INVOCATIONS, self._path):
            return path
        found = _INFER.fullmatch(path)
        if found is None:
            return None
        version = "/versions/{version}" if found["version"] else ""
        return f"/v2/models/{{model}}{version}/infer"

    def known(self, method: str, path: str) -> Known | None:
        """Return what a request is, with its path unquoted; None where it is no prediction."""
        if method != "POST":
            return None
        if path == _INVOCATIONS and self._path != path:
            return Known(path, self._mlflow)
        found = _INFER.fullmatch(path)
        if found is not None:
            model, version = self._named(found["model"], found["version"])
            return Known(self.route(path) or path, self._inference, model, version)
        if self._template is not None and self._path in (None, path):
            return Known(path, self._template)
        return None

    def _named(self, model: str, version: str | None) -> tuple[str, str | None]:
        """Return the names of a model; clients choose them, so that only some are kept apart."""
        names = (model, version)
        if names not in self._models:
            if len(self._models) >= _MOST_MODELS:
                return _OTHER, None
            self._models.add(names)
        return names
