"""Whom the demo answers: no page of another origin, and no stranger without a token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from flask import abort, request
from flask.typing import ResponseReturnValue

from otelml._hosts import host_of, refusal

MAX_FIELDS: Final = 40
_MAX_FORM: Final = 64 * 1024
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_ASK: Final = {"WWW-Authenticate": 'Basic realm="demo", charset="UTF-8"'}


@dataclass(frozen=True)
class Access:
    """Whom the demo answers.

    Args:
        token: What a client must send as a bearer token, or a browser as a password; empty where
            only this machine is answered.
        hosts: Further names that it may be asked by, without a token.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()

    def check(self) -> ResponseReturnValue | None:
        """Refuse a request that is not for us, before anything reads its body."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        is_named = host_of(headers.get("host")).lower() in self.hosts
        status, reason = refusal(request.method, headers, local=not self.token and not is_named)
        if status == 421:  # Flask has no such error
            return reason, status
        if status:
            abort(status, reason)
        if self.token and not self._is_known():
            return "a token is needed", 401, _ASK
        if request.mimetype in _FORMS:
            _check_form()
        return None

    def _is_known(self) -> bool:
        given = request.authorization
        secret = (given.token or given.password or "") if given is not None else ""
        return hmac.compare_digest(secret.encode("utf-8", "replace"), self.token.encode())


def _check_form() -> None:
    """Refuse a form that is longer than any of ours, or has more fields."""
    if (request.content_length or 0) > _MAX_FORM:
        abort(413, "the form is too long")
    if len(request.form) + len(request.files) > MAX_FIELDS:
        abort(413, f"the form has more than {MAX_FIELDS} fields")
