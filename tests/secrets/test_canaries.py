"""A secret that is put into any option, rightly or wrongly, is repeated by no error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otelml import environment_variables as env
from otelml._guard import _safe
from otelml._option_fields import Options
from otelml._providers import check_environment, create_providers
from otelml._retraining_options import RetrainingOptions
from otelml._shown import cause_of, scrubbed, shown_url
from otelml._startup import resolve
from otelml.cli import main
from otelml.config import (
    Config,
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    KafkaLabels,
    LogOptions,
    MetricOptions,
    PrivacyOptions,
    RestLabels,
    SqlLabels,
    TraceOptions,
)
from otelml.exceptions import OtelmlError

CANARY = "Canary7f3aSecretKx"
_ENDPOINTS = (
    "{c}",
    "{c}:x",
    "http://{c}",
    "http://me:{c}@127.0.0.1:9/v1",
    "http://{c}@127.0.0.1:9",
    "http://me:a/{c}@127.0.0.1:9",
    "http://127.0.0.1:{c}/x",
    "http://127.0.0.1:9/x?api_key={c}",
    "http://127.0.0.1:9/x#{c}",
    "http://127.0.0.1:9/{c}/traces",
    "http://[{c}]/",
    "postgresql://me:{c}@h:p/d",
    "postgresql://me@h:{c}/d",
    "{c}://host",
    "http//me:{c}@host",
)
_TEXTS = (
    "{c}",
    "Bearer {c}",
    "authorization=Bearer {c}",
    "authorization Bearer {c}",
    "authorization=Bearer%20{c}%0A",
    "x={c}\n",
    "=,{c}",
    "a=b,{c}",
    "${{env:{c}}}",
    '{{"token": "{c}"}}',
    "-----BEGIN KEY-----\n{c}\n",
    "{c}\x00",
    "{c}€ü",
)
_FORMS = tuple(one.format(c=CANARY) for one in (*_ENDPOINTS, *_TEXTS))
_CLASSES: tuple[tuple[type[Options], dict[str, Any]], ...] = (
    (TraceOptions, {}),
    (MetricOptions, {}),
    (LogOptions, {}),
    (FeedbackOptions, {}),
    (CostOptions, {}),
    (DriftOptions, {}),
    (PrivacyOptions, {}),
    (RetrainingOptions, {}),
    (SqlLabels, {"name": "x", "url": "sqlite://", "query": "select 1"}),
    (RestLabels, {"name": "x", "url": "https://x"}),
    (KafkaLabels, {"name": "x", "brokers": "x:1", "topic": "x"}),
)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        for one in (error.__cause__, error.__context__):
            if one is not None:
                yield from _chain(one)
        return


def _told(error: BaseException) -> str:
    """Return everything that an error can say: of itself, of its causes, and in a traceback."""
    parts = ["".join(traceback.format_exception(error))]
    for one in _chain(error):
        parts += [str(one), repr(one), repr(vars(one))]
    return "\n".join(parts)


def _check(make: Any, said: object = "") -> Any:
    """Return what is made, or None where an error says why not, without the canary."""
    made, told = None, ""
    try:
        made = make()
    except OtelmlError as error:
        told = _told(error)
    assert CANARY not in told, said
    return made


def _malformed() -> list[Any]:
    held: list[Any] = [[CANARY], {"key": CANARY}, CANARY.encode(), (CANARY, 1), {1: CANARY}]
    return [*_FORMS, *held, [[CANARY]], ((CANARY,),), {"kind": CANARY}, {"a": {"b": CANARY}}]


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, one.name) for cls, _ in _CLASSES for one in fields(cls)],
)
def test_options(cls, name):
    """Of any class, whatever is said instead of a value; nor does their ``repr`` tell a secret."""
    more = next(needed for one, needed in _CLASSES if one is cls)
    option = next(one for one in fields(cls) if one.name == name)
    for value in _malformed():
        made = _check(lambda v=value: cls(**{**more, name: v}), value)
        if option.metadata.get("secret") or name in {"query", "command"}:
            assert CANARY not in repr(made)
            assert CANARY not in repr(Config(feedback=made) if cls is FeedbackOptions else made)


_VARIABLES = sorted(
    {value for name, value in vars(env).items() if name.startswith("OTELML_")}
    | {
        f"OTEL_EXPORTER_OTLP_{signal}{name}"
        for signal in ("", "TRACES_", "METRICS_", "LOGS_")
        for name in (
            "HEADERS", "ENDPOINT", "PROTOCOL", "TIMEOUT", "COMPRESSION", "CERTIFICATE",
            "CLIENT_KEY", "CLIENT_CERTIFICATE", "INSECURE",
        )
    }
    | {
        "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER",
        "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED", "OTEL_LOG_LEVEL",
        "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_PYTHON_ID_GENERATOR",
        "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT",
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    }
)  # fmt: skip
_OF_GRPC = [one for one in _VARIABLES if one.startswith("OTEL_EXPORTER_OTLP_TRACES_")]


@pytest.mark.parametrize(
    ("variable", "protocol"),
    [
        *((one, "http/protobuf") for one in _VARIABLES),
        *((one, "grpc") for one in _OF_GRPC),
    ],
)
def test_variables(monkeypatch, caplog, tmp_path, variable, protocol):
    """Of otelml and of OpenTelemetry: no error, no line of a log, and not the state of exports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    is_of_all = "OTLP" in variable
    for value in (one for one in _FORMS if "\x00" not in one):
        monkeypatch.setenv(variable, value)
        with caplog.at_level("DEBUG"):
            config = _check(lambda: resolve({}), value)
            if not variable.startswith("OTELML_"):
                _check(check_environment, value)
                made = _check(lambda c=config: create_providers(c), value)
                if made is not None and is_of_all:
                    assert CANARY not in repr(made.status()), value
                if made is not None:
                    made.shutdown(0.0)
        assert CANARY not in caplog.text, value
        caplog.clear()


_TABLES = (
    "{key} = {value}",
    "[traces]\n{key} = {value}",
    "[feedback]\n{key} = {value}",
    "[drift]\n{key} = {value}",
    "[drift.retraining]\n{key} = {value}",
    "[privacy]\n{key} = {value}",
    "[[feedback.sources]]\nkind = 'rest'\nname = 'x'\nurl = 'https://x'\n{key} = {value}",
    "[[feedback.sources]]\nkind = {value}",
    "[resource_attributes]\n{key} = [{value}]",
)
_KEYS = (
    "secret", "secrte", "token", "url", "webhook", "webhok", "webhook_secret", "headers", "store",
    "level", "metrics", "model", "feedback", "privacy", "drift", "sources", "every", "rules",
    "queue_size", "instrument", "system", "traces", "redact", "retraining", "command",
)  # fmt: skip
_VALUES = (
    f"'{CANARY}'", f"['{CANARY}']", f"{{a = '{CANARY}'}}", f"'http://me:{CANARY}@h:x/'",
    f"'{CANARY}", f"{CANARY}", f"'''{CANARY}\n", f'"\\{CANARY}"', f"[['{CANARY}'], 1]",
)  # fmt: skip


@pytest.mark.parametrize("table", _TABLES)
def test_pyproject(tmp_path, table):
    """The right key with a wrong value, a mistyped key, another table, and what is not TOML."""
    path = tmp_path / "pyproject.toml"
    for key in _KEYS:
        for value in _VALUES:
            text = table.format(key=key, value=value)
            head = "" if text.startswith("[") else "[tool.otelml]\n"
            text = text.replace("[[", "[[tool.otelml.", 1) if text.startswith("[[") else text
            text = text if text.startswith("[[") else text.replace("\n[", "\n[tool.otelml.")
            if text.startswith("[") and not text.startswith("[["):
                text = "[tool.otelml." + text[1:]
            path.write_text(head + text)
            _check(lambda: resolve({}, environ={}, folder=tmp_path))
    path.write_bytes(f"[tool.otelml]\nsecret = '{CANARY}\xff'".encode("latin-1"))
    _check(lambda: resolve({}, environ={}, folder=tmp_path))


def test_arguments(tmp_path):
    """Of ``init``."""
    names = ("model", "model_version", "reference", "traces", "metrics", "logs", "feedback",
             "drift", "cost", "privacy", "system", "instrument", "resource_attributes")  # fmt: skip
    for name in names:
        for value in (CANARY, [CANARY], {"key": [CANARY]}, CANARY.encode(), {"k": [CANARY]}):
            _check(lambda n=name, v=value: resolve({n: v}, environ={}, folder=tmp_path))


def _commands() -> list[tuple[tuple[str, ...], str]]:
    """Return each option of each command that is not a flag."""
    found: list[tuple[tuple[str, ...], str]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        context = command.make_context("x", [], resilient_parsing=True)
        for name in getattr(command, "list_commands", lambda _: [])(context):
            walk(command.get_command(context, name), (*path, name))
        for option in command.params:
            if getattr(option, "is_flag", False) or not option.opts[0].startswith("--"):
                continue
            found.append((path, option.opts[0]))

    walk(main, ())
    return found


# A path, the name of a module, and what is not asked for without a service.
_NAMES_OF_FILES = {
    "--db",
    "--import",
    "--template",
    "--sample",
    "--out",
    "--output",
    "--app",
    "--data",
}
_SERVE = {"demo", "view"}


@pytest.mark.parametrize(
    ("path", "option"), [one for one in _commands() if one[1] not in _NAMES_OF_FILES]
)
def test_command_lines(monkeypatch, tmp_path, path, option):
    """A command repeats no value that it does not understand; the path of a file it may."""
    monkeypatch.chdir(tmp_path)
    ends = ["--no-such-option"] if path[:1] and path[0] in _SERVE else []
    for value in (CANARY, f"http://me:{CANARY}@127.0.0.1:x", f"{CANARY}=1"):
        told = CliRunner().invoke(main, [*path, f"{option}={value}", *ends])
        assert CANARY not in told.output, value
        assert isinstance(told.exception, SystemExit), told.exception


@pytest.mark.parametrize("path", sorted({path for path, _ in _commands() if path != ("run",)}))
def test_words_too_many(path):
    """An argument that no command has, and the value of a mistyped option."""
    words = ["x.csv", "x.json", "x", "x", CANARY]
    for args in ([*path, *words], [*path, f"--tokn={CANARY}"], [CANARY]):
        assert CANARY not in CliRunner().invoke(main, args).output


def test_what_others_say(monkeypatch):
    """Texts of libraries lose what variables hold, users and queries of URLs, and credentials."""
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_HEADERS", f"x-key={CANARY},authorization=Basic%20{CANARY}"
    )
    monkeypatch.setenv("OTELML_SECRET", f"{CANARY}2")
    monkeypatch.setenv(
        env.OTELML_FEEDBACK_STORE, f"postgresql://me:{CANARY}3@h/d?sslpassword={CANARY}4"
    )
    for text in (
        f"Invalid header value: '{CANARY}\\n'",
        f"bad key {CANARY}2",
        f"cannot connect as me with {CANARY}3 or {CANARY}4",
        f"HTTPConnectionPool: url: /v1/traces?api_key={CANARY}9 (Caused by X)",
        f"Failed to parse: http://me:{CANARY}9@host:port",
        f"sent Bearer {CANARY}9 and failed",
    ):
        said = scrubbed(text)
        assert CANARY not in said
        assert said.split()[0] == text.split()[0]


def test_an_error_of_ours_in_a_log(monkeypatch):
    """A traceback that has a secret, in a cause too, is logged without it; any other as it is."""
    monkeypatch.setenv("OTELML_RETRAINING_SECRET", CANARY)
    try:
        try:
            raise ValueError(f"the key {CANARY} is short")
        except ValueError as error:
            raise RuntimeError("cannot sign") from error
    except RuntimeError as error:
        safe = _safe(error)
    assert CANARY not in _told(safe)
    assert "RuntimeError: cannot sign" in str(safe)
    plain = ValueError("plain")
    assert _safe(plain) is plain


def test_causes_of_connections():
    """The words of the system, not those of the client."""
    import requests

    header = requests.exceptions.InvalidHeader(f"Invalid header value: 'Bearer {CANARY}'")
    assert cause_of(header) == "it cannot be sent (InvalidHeader)"
    refused = ConnectionRefusedError(111, "Connection refused")
    assert cause_of(requests.ConnectionError(refused)) == "connection refused"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces"),
        ("https://me:pw@[::1]:4318/", "https://[::1]:4318/"),
        ("https://host/otlp/T0KEN/v1/logs?k=v#f", "https://host/otlp/***/v1/logs"),
        ("collector:4317", "collector:4317"),
        ("me:pw@collector:4317", "a text that is not shown"),
        ("http://me:p/w@host", "a text that is not shown"),
        ("sqlite:///x", "a text that is not shown"),
        ("", "a text that is not shown"),
    ],
)
def test_urls(url, said):
    """Host, port and the usual path; never a user, a query or what may be half a password."""
    assert shown_url(url) == said


def test_there_are_secrets_among_the_options():
    """Those that are marked as such: the list of what is for secrets alone."""
    marked = {
        f"{cls.__name__}.{one.name}"
        for cls, _ in _CLASSES
        for one in fields(cls)
        if one.metadata.get("secret")
    }
    assert {
        "FeedbackOptions.secret",
        "FeedbackOptions.store",
        "RetrainingOptions.webhook",
        "RetrainingOptions.webhook_secret",
        "RestLabels.token",
        "RestLabels.headers",
        "SqlLabels.url",
        "KafkaLabels.settings",
    } <= marked
    assert Path(__file__).exists()
