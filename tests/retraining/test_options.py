"""The options of retraining: from each source, and what is refused at once."""

from __future__ import annotations

import pytest

from otelml._startup.sources import resolve
from otelml.config import DriftOptions, RetrainingOptions
from otelml.exceptions import ConfigurationError

PLACE = """
[tool.otelml.drift]
every = "1m"

[tool.otelml.drift.retraining]
rules = ["drift and loss", "critical"]
kl = 0.8
command = ["python", "train.py"]
"""


def test_from_the_file_and_the_environment(tmp_path):
    """A table beneath that of drift; variables come before it."""
    (tmp_path / "pyproject.toml").write_text(PLACE)
    environ = {"OTELML_RETRAINING_COOLDOWN": "2h", "OTELML_RETRAINING_DRY_RUN": "true"}
    found = resolve({}, environ=environ, folder=tmp_path).drift
    assert found.every == "1m"
    assert found.retraining.rules == ("drift and loss", "critical")
    assert found.retraining.kl == 0.8
    assert found.retraining.command == ("python", "train.py")
    assert (found.retraining.cooldown_s, found.retraining.dry_run) == (7200.0, True)


def test_what_the_code_says_comes_first(tmp_path):
    """Options that are given whole are taken whole."""
    (tmp_path / "pyproject.toml").write_text(PLACE)
    given = DriftOptions(retraining=RetrainingOptions(kl=2))
    assert resolve({"drift": given}, environ={}, folder=tmp_path).drift is given


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rules": ("drift and qualty",)}, "did you mean quality"),
        ({"rules": ("",)}, "no condition"),
        ({"cooldown": "soon"}, "RetrainingOptions.cooldown"),
        ({"timeout": 0}, "RetrainingOptions.timeout"),
        ({"trained_at": "yesterday"}, "2026-01-31T10:15:00Z"),
        ({"webhook": "ftp://host/", "webhook_secret": "x"}, "https://"),
        ({"webhook": "https://user:word@host/", "webhook_secret": "x"}, "without a user"),
        ({"webhook": "http://example.com/", "webhook_secret": "x"}, "without TLS"),
        ({"webhook": "https://host:port/", "webhook_secret": "x"}, "https://"),
        ({"webhook": "https://example.com/"}, "webhook_secret"),
        (
            {"webhook": "https://h/", "webhook_secret": "x", "webhook_ca": "/no/file"},
            "no such file",
        ),
        ({"state": "/"}, "must be a file"),
        ({"command": ("",)}, "program and arguments"),
        ({"attempts": 0}, "at least 1"),
        ({"kl": "much"}, "RetrainingOptions.kl"),
    ],
)
def test_refused(options, words):
    """Each says the key and what it must be."""
    with pytest.raises(ConfigurationError, match=words):
        RetrainingOptions(**options)


def test_an_unknown_key_of_the_file(tmp_path):
    """With the nearest one that is known."""
    (tmp_path / "pyproject.toml").write_text("[tool.otelml.drift.retraining]\nkll = 1\n")
    with pytest.raises(ConfigurationError, match=r"drift\.retraining\.kl"):
        resolve({}, environ={}, folder=tmp_path)


def test_the_wrong_object():
    """Other options are not those of retraining."""
    with pytest.raises(ConfigurationError, match=r"DriftOptions\.retraining"):
        DriftOptions(retraining=True)
    with pytest.raises(ConfigurationError, match=r"DriftOptions\.retraining"):
        DriftOptions(retraining=DriftOptions())


def test_secrets_stay_out_of_logs():
    """Neither key nor URL is in the text of the options."""
    options = RetrainingOptions(webhook="https://host/hidden", webhook_secret="hidden")
    assert "hidden" not in repr(options)
    assert "hidden" not in repr(DriftOptions(retraining=options))
