"""No secret in the tree, and nothing that we write about a service can be read by everyone."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from otelml.viewer import Viewer

ROOT = Path(__file__).resolve().parents[2]
_B64 = r"[A-Za-z0-9+/_-]"
# Shapes that a secret has and nothing else.
SHAPES = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{30}",
    "GitLab token": rf"\bglpat-{_B64}{{20}}",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "Slack webhook": r"hooks\.slack\.com/services/T\w+/B\w+/\w{20}",
    "Google key": rf"\bAIza{_B64}{{35}}",
    "OpenAI key": r"\bsk-(?:proj-)?[A-Za-z0-9]{32}",
    "PyPI token": rf"\bpypi-AgE{_B64}{{50}}",
    "JWT": rf"\beyJ{_B64}{{15,}}\.eyJ{_B64}{{15,}}\.{_B64}{{20}}",
    "Grafana token": rf"\bglsa_{_B64}{{32}}",
    "password in a URL": r"\b(?:https?|postgres(?:ql)?|redis|amqp)://\w+:[^\s{}$@/'\"*]{6,}@[\w.-]+",
}
PATTERN = re.compile("|".join(f"(?:{shape})" for shape in SHAPES.values()))
_NAMES = re.compile(r"(?:\.(?:pem|key|p12|pfx|jks|kdbx)|(?:^|/)(?:\.env|id_rsa|\.netrc|\.pypirc))$")
EXAMPLES = {
    "private key": "-----BEGIN EC PRIVATE " + "KEY-----",
    "AWS key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "GitHub token": "ghp_" + "a1" * 18,
    "GitLab token": "glpat-" + "a1" * 10,
    "Slack token": "xoxb-" + "1234567890",
    "Slack webhook": "hooks.slack.com/services/" + "T01/B02/" + "a1" * 10,
    "Google key": "AIza" + "a1" * 17 + "a",
    "OpenAI key": "sk-proj-" + "a1" * 16,
    "PyPI token": "pypi-AgE" + "a1" * 25,
    "JWT": "eyJ" + "a1" * 10 + ".eyJ" + "a1" * 10 + "." + "a1" * 10,
    "Grafana token": "glsa_" + "a1" * 16,
    "password in a URL": "postgres://bob:" + "hunter22@db.internal",
}


def files() -> list[Path]:
    """Return what is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_secret_in_the_tree():
    """No file has the shape of a secret in it."""
    found = files()
    assert Path(__file__) in found
    hits = {
        str(path.relative_to(ROOT)): match[0]
        for path in found
        if (match := PATTERN.search(path.read_text(errors="replace")))
    }
    assert hits == {}


def test_no_key_file_in_the_tree():
    """No file is named as keys and passwords are."""
    assert [str(path) for path in files() if _NAMES.search(str(path))] == []


@pytest.mark.parametrize("kind", SHAPES)
def test_each_shape_is_found(kind):
    """The search finds what it looks for."""
    assert re.search(SHAPES[kind], f"x = '{EXAMPLES[kind]}'")


def test_the_database_of_the_viewer(tmp_path):
    """What services sent is its owner's alone, with the files that sqlite lays beside it."""
    path = tmp_path / "otelml.db"
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0, db=path)
    viewer.start()
    try:
        modes = {each.name: oct(each.stat().st_mode & 0o777) for each in tmp_path.iterdir()}
    finally:
        viewer.stop()
    assert path.name in modes
    assert set(modes.values()) == {"0o600"}
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from sqlite_master").fetchone()[0] > 0
