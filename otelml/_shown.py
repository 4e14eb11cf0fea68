"""The one place that says what an option is set to: what may be a secret is never repeated.

Nobody knows which text a person has put where: a token into the wrong variable, a password into
an endpoint. So a text is only shown where it is a number, or nearly one of the words that are
valid there. Everything that others say of an error passes ``scrubbed``.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from otelml import environment_variables as env
from otelml._hints import nearest

__all__ = [
    "HIDDEN",
    "cause_of",
    "scrubbed",
    "shown",
    "shown_host",
    "shown_key",
    "shown_path",
    "shown_url",
]

HIDDEN: Final = "***"
_TEXT: Final = "a text that is not shown"
_NUMBER: Final = re.compile(
    r"[+-]?(\d{1,7}(\.\d{0,7})?|\.\d{1,7})(e[+-]?\d{1,3})?\s?(ms|[a-z%])?|[+-]?(nan|inf(inity)?)",
    re.ASCII | re.IGNORECASE,
)
_WORDS: Final = frozenset(
    ("true", "false", "yes", "no", "on", "off", "none", "null", "auto", "maybe", "")
)
_LONGEST: Final = 24
_LIKE: Final = 0.6
_KEY: Final = re.compile(r"[A-Za-z_][\w.-]{0,59}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})", re.ASCII)
_SEGMENTS: Final = frozenset(
    ("api", "collector", "ingest", "insert", "logs", "loki", "metrics", "opentelemetry", "otlp",
     "prometheus", "traces", "v1", "v2", "v3", "write")
)  # fmt: skip
_FILE: Final = re.compile(r"[^\s:?*\"'<>|@=,;&]{1,400}")
_SECRET_VARIABLES: Final = re.compile(
    r"OTEL_EXPORTER_\w*(HEADERS|ENDPOINT|KEY)|OTELML_\w*(SECRET|TOKEN|PASSWORD|WEBHOOK|STORE|KEYS?)"
)
_SHORTEST: Final = 5
_AUTHORITY: Final = re.compile(r"(?<=://)[^\s/?#'\"]*@")
_QUERY: Final = re.compile(r"(?<=[\w/%.~-])\?[^\s'\"()<>]*=[^\s'\"()<>]*")
_SCHEME: Final = re.compile(
    r"\b(bearer|basic|token)(\s+|%20)(?!token\b)[^\s'\",;)]{5,}", re.IGNORECASE
)


def shown(value: object, near: Iterable[str] = (), *, secret: bool = False) -> str:
    """Return how a message may say what an option is set to.

    Args:
        value: What it is set to, of any type.
        near: The words that are valid there; a text that is much like one is shown.
        secret: Whether the option is for a secret: then not even a number is shown.

    >>> shown(3), shown("30x"), shown("otpl", ["otlp"]), shown("Bearer 12")
    ('3', "'30x'", "'otpl'", 'a text that is not shown')
    """
    if value is None or isinstance(value, bool):
        return repr(value)
    if secret:
        return "a value that is not shown"
    if isinstance(value, (int, float)):
        text = repr(value) if type(value) in {int, float} else type(value).__name__
        return text if len(text) <= _LONGEST else "a number that is not shown"
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    text = value.strip()
    if text.casefold() in _WORDS or _NUMBER.fullmatch(text):
        return repr(str(value))
    if len(text) <= _LONGEST and nearest(text.casefold(), [w.casefold() for w in near], _LIKE):
        return repr(str(value))
    return _TEXT


def shown_key(key: object) -> str:
    """Return how a message may say the name of a key: names are short and plain.

    >>> shown_key("webhok_secret"), shown_key("Bearer 12")
    ('webhok_secret', 'a key that is not shown')
    """
    return key if isinstance(key, str) and _KEY.fullmatch(key) else "a key that is not shown"


def shown_host(host: str) -> str:
    """Return how a message may say an address to listen on.

    >>> shown_host("::1"), shown_host("example")
    ('::1', 'the address that is set')
    """
    if host == "localhost":
        return host
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "the address that is set"


def shown_path(path: object) -> str:
    """Return how a message may say a path: as it is, where it can be nothing else.

    >>> shown_path("models/loan.json"), shown_path("postgresql://user:word@host/db")
    ('models/loan.json', 'a path that is not shown')
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
    plain = isinstance(text, str) and _FILE.fullmatch(text)
    is_path = plain and ("/" in text or os.sep in text or PurePath(text).suffix)
    return str(text) if is_path else "a path that is not shown"


def shown_url(url: str) -> str:
    """Return a URL as it may be seen: host and port, and those parts of the path that are common.

    What is no URL, or may be half of a password, is not shown.

    >>> shown_url("https://me:word@host:4318/v1/traces?api_key=1")
    'https://host:4318/v1/traces'
    >>> shown_url("https://hooks.example/T0/abc")
    'https://hooks.example/***/***'
    """
    parts = _split(url if "://" in url else f"//{url}")
    if parts is None or (parts.scheme, "://" in url) not in _SCHEMES:
        return _TEXT
    host = parts.hostname or ""
    is_address = ":" in host and all(c in "0123456789abcdef:." for c in host)
    if not (is_address or _HOST.fullmatch(host)) or "@" in parts.path or "://" in parts.path:
        return _TEXT
    if not parts.scheme and (parts.port is None or parts.username is not None):
        return _TEXT  # host:port, for gRPC, and nothing that is only much like it
    port = "" if parts.port is None else f":{parts.port}"
    path = "/".join(one if one in _SEGMENTS or not one else HIDDEN for one in parts.path.split("/"))
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{f'[{host}]' if is_address else host}{port}{path}"


_SCHEMES: Final = frozenset((("http", True), ("https", True), ("grpc", True), ("", False)))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def cause_of(error: BaseException) -> str:
    """Return in a few words what is at the bottom of an error of a connection.

    What ``requests`` says itself is left out: it repeats headers and URLs.
    """
    seen: BaseException | None = error
    best = f"it cannot be sent ({type(error).__name__})"
    for _ in range(10):
        if seen is None:
            break
        is_own = isinstance(seen, OSError) and not _is_client(seen)
        if is_own and seen.strerror:  # type: ignore[attr-defined] # an OSError, as said above
            best = str(seen.strerror)  # type: ignore[attr-defined] # as above
        elif is_own and len(seen.args) == 1 and isinstance(seen.args[0], str):
            best = seen.args[0]
        reason = getattr(seen.args[0], "reason", None) if seen.args else None
        inner = reason if isinstance(reason, BaseException) else None
        nested = next((a for a in seen.args if isinstance(a, BaseException)), None)
        seen = inner or seen.__cause__ or seen.__context__ or nested
    best = scrubbed(best.split("\n", 1)[0][:200])
    return best[:1].lower() + best[1:]


def _is_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "requests"


def scrubbed(text: str, known: Iterable[str] = ()) -> str:
    """Return what somebody else says of an error, without what is known to be, or looks, secret.

    That is: what variables for secrets are set to and each of their parts, users and queries of
    URLs, and what follows ``Bearer`` or ``Basic``.

    Args:
        text: What is said.
        known: Further secrets, and URLs that hold some.

    >>> scrubbed("cannot reach http://me:word@host/v1?key=1 with 'Bearer abcdef'")
    "cannot reach http://***@host/v1?*** with 'Bearer ***'"
    """
    more = [one for value in known for one in (value, *_parts("", value)) if len(one) >= _SHORTEST]
    for value in sorted({*_secrets(), *more}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = _AUTHORITY.sub(f"{HIDDEN}@", text)
    text = _QUERY.sub(f"?{HIDDEN}", text)
    return _SCHEME.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}", text)


def _secrets() -> Iterator[str]:
    for name, value in os.environ.items():
        if name == env.OTELML_ADMIN_TOKEN or _SECRET_VARIABLES.fullmatch(name):
            yield from (one for one in _parts(name, value) if len(one) >= _SHORTEST)


def _parts(name: str, value: str) -> Iterator[str]:
    """Return what of a variable is secret: of an endpoint or a database, its user and its query."""
    if "://" in value:
        parts = _split(value)
        authority = value.partition("://")[2].rpartition("@")[0]
        yield from authority.split(":")[1:]
        if parts is not None:
            yield from (one.partition("=")[2] for one in parts.query.split("&"))
    elif "HEADERS" in name:
        for pair in value.split(","):
            item = pair.partition("=")[2].strip()
            yield from (item, unquote(item), *unquote(item).split()[1:])
    elif not name.endswith(("ENDPOINT", "STORE", "KEY")):
        yield value.strip()
