"""An HTTP proxy in front of a model server, which reads predictions from what passes through."""

from __future__ import annotations

from otelml._proxy.application import application
from otelml._proxy.choose import Protocols
from otelml._proxy.reading import Reader
from otelml._proxy.serve import ListenError, serve
from otelml._proxy.template import Template
from otelml._proxy.upstream import Upstream

__all__ = ["ListenError", "Protocols", "Reader", "Template", "Upstream", "application", "serve"]
