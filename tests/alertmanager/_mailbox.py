"""A mail server on loopback that keeps what it is given, over TLS and with a password or not."""

from __future__ import annotations

import html
import re
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

_WAIT_S = 90.0


@dataclass(frozen=True)
class Mail:
    """An e-mail as it came.

    Args:
        to: The addresses it was handed over for.
        sender: The address it was handed over from.
        subject: Its subject, decoded.
        text: What a reader sees of it, a line for each piece of text.
        login: Who had signed in; None where nobody had.
        encrypted: Whether it came over TLS.
    """

    to: tuple[str, ...]
    sender: str
    subject: str
    text: str
    login: str | None
    encrypted: bool


@dataclass(frozen=True)
class Account:
    """What the server asks for before it takes an e-mail.

    Args:
        certificate: Of the server, and its key beside it.
        key: Its key.
        username: Who may send.
        password: By which word.
    """

    certificate: Path
    key: Path
    username: str
    password: str


def make_account(folder: Path, username: str, password: str) -> Account:
    """Return an account whose server has a certificate of its own, made in a folder."""
    account = Account(folder / "smtp.pem", folder / "smtp.key", username, password)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-keyout", account.key),
            *("-out", account.certificate, "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return account


class Mailbox:
    """The server and what it was given; ``with Mailbox() as mailbox``.

    Args:
        account: What it asks for; None takes everything from everyone, without TLS.
    """

    def __init__(self, account: Account | None = None) -> None:
        self._arrived = threading.Condition()
        self._mails: list[Mail] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        options: dict[str, object] = {}
        if account is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(account.certificate, account.key)
            expected = (account.username.encode(), account.password.encode())
            options = {
                "tls_context": context,
                "require_starttls": True,
                "auth_required": True,
                # Its challenges of LOGIN are of a draft; mail servers and Alertmanager know others.
                "auth_exclude_mechanism": ["LOGIN"],
                "authenticator": lambda *said: _judge(said[-1], expected),
            }
        self._controller = Controller(self, hostname="127.0.0.1", port=port, **options)

    def __enter__(self) -> Mailbox:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep an e-mail."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("html", "plain")).get_content()
        mail = Mail(
            tuple(envelope.rcpt_tos),
            envelope.mail_from,
            str(message["Subject"]),
            _seen(body),
            session.auth_data.login.decode() if session.authenticated else None,
            session.ssl is not None,
        )
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return "250 kept"

    @property
    def mails(self) -> list[Mail]:
        """What has come so far."""
        with self._arrived:
            return list(self._mails)

    def wait_for(self, wanted) -> Mail:
        """Return the first e-mail of which ``wanted`` is true; fail with all others in time."""
        end = time.monotonic() + _WAIT_S
        with self._arrived:
            while True:
                found = next((mail for mail in self._mails if wanted(mail)), None)
                if found is not None:
                    return found
                left = end - time.monotonic()
                assert left > 0, f"no such e-mail among {[m.subject for m in self._mails]}"
                self._arrived.wait(left)


def _judge(said, expected: tuple[bytes, bytes]) -> AuthResult:
    right = (said.login, said.password) == expected
    # Not handled: the server is to say so where it is wrong.
    return AuthResult(success=right, handled=False, auth_data=said)


def _seen(page: str) -> str:
    """Return the text of a page, without its head and markup, one line a piece."""
    page = re.sub(r"(?s)<(style|head|title)\b.*?</\1>|<!--.*?-->", "", page)
    pieces = (html.unescape(piece).strip() for piece in re.split(r"<[^>]*>", page))
    return "\n".join(re.sub(r"\s+", " ", piece) for piece in pieces if piece)
