"""The webhook: a signed POST, as https://www.standardwebhooks.com has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from otelml._retraining.history import Trigger
from otelml._shown import cause_of, scrubbed
from otelml._suppression import suppressed

if TYPE_CHECKING:
    from otelml._retraining_options import RetrainingOptions

HEADER_ID: Final = "webhook-id"
HEADER_TIMESTAMP: Final = "webhook-timestamp"
HEADER_SIGNATURE: Final = "webhook-signature"
HEADER_IDEMPOTENCY: Final = "Idempotency-Key"
_PREFIX: Final = "whsec_"
_MOST_ANSWER: Final = 500
_LONGEST_WAIT_S: Final = 300.0
_RETRIED: Final = frozenset((408, 425, 429))


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt.

    Args:
        ok: Whether the receiver took it.
        detail: What it answered, or what went wrong.
        retry: Whether another attempt may help.
        wait_s: Seconds that the receiver asks to wait; NaN where it does not.
    """

    ok: bool
    detail: str
    retry: bool = False
    wait_s: float = math.nan


def key_of(secret: str) -> bytes:
    """Return the bytes of a key: after ``whsec_`` it is base64, else the text itself.

    >>> key_of("whsec_c2VjcmV0")
    b'secret'
    """
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret[len(_PREFIX) :], validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def sign(secret: str, trigger_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 of ``id.timestamp.body``, base64, after ``v1,``.

    Args:
        secret: The key.
        trigger_id: The id of the trigger.
        timestamp_s: The time of the attempt, seconds since the epoch.
        body: What is sent.
    """
    content = f"{trigger_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def post(options: RetrainingOptions, trigger: Trigger, now_s: float) -> Outcome:
    """Make one attempt; a redirection is not followed.

    Args:
        options: Where to, with which key, how long.
        trigger: What to tell.
        now_s: The time, seconds since the epoch.
    """
    import requests

    body, stamp = trigger.body.encode(), int(now_s)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "otelml",
        HEADER_ID: trigger.id,
        HEADER_IDEMPOTENCY: trigger.id,
        HEADER_TIMESTAMP: str(stamp),
        HEADER_SIGNATURE: sign(options.webhook_secret or "", trigger.id, stamp, body),
    }
    try:
        with (
            suppressed(),
            requests.post(
                options.webhook or "",
                data=body,
                headers=headers,
                timeout=options.timeout_s,
                verify=options.webhook_ca or True,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = next(response.iter_content(_MOST_ANSWER), b"").decode("utf-8", "replace")
            return _judge(response.status_code, response.headers.get("retry-after"), text, now_s)
    except requests.exceptions.SSLError as error:
        return Outcome(False, f"TLS failed: {cause_of(error)}")
    except requests.Timeout:
        return Outcome(False, f"no answer within {options.timeout_s:g} s", retry=True)
    except (requests.RequestException, OSError, ValueError) as error:
        return Outcome(False, cause_of(error), retry=True)


def _judge(status: int, retry_after: str | None, text: str, now_s: float) -> Outcome:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(True, f"HTTP {status}")
    detail = scrubbed(f"HTTP {status} {text.strip()}".strip()[:_MOST_ANSWER])
    retry = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _RETRIED
    return Outcome(False, detail, retry, _wait(retry_after, now_s))


def _wait(text: str | None, now_s: float) -> float:
    """Return the seconds of a ``Retry-After``; NaN where it says none."""
    if not text:
        return math.nan
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = parsedate_to_datetime(text).timestamp() - now_s
        except (TypeError, ValueError):
            return math.nan
    return min(max(wait, 0.0), _LONGEST_WAIT_S) if math.isfinite(wait) else math.nan
