"""The secrets of a stack: made once, for their owner only, good for nothing else."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile

import pytest

from engines import secrets
from engines.bcrypt import hashed
from engines.secrets import GIVEN, USER, SecretsError, env_lines, main, make, write_env

RANDOM = ("password", "otlp_token", "grafana_password", "grafana_key", "logs_path")
# Published with crypt_blowfish, Openwall.
KNOWN = (
    ("U*U", "CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "CCCCCCCCCCCCCCCCCCCCC.", "VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "XXXXXXXXXXXXXXXXXXXXXO", "AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
)
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def access(tmp_path):
    return make(tmp_path / "secrets")


@pytest.mark.parametrize(("password", "salt", "digest"), KNOWN)
def test_bcrypt_is_the_one_everybody_has(password, salt, digest):
    """Hashes that were published come out."""
    bits = "".join(f"{ALPHABET.index(letter):06b}" for letter in salt)
    raw = bytes(int(bits[i : i + 8], 2) for i in range(0, 128, 8))
    assert hashed(password, raw, 5) == f"$2b$05${salt}{digest}"


@pytest.mark.parametrize("wrong", ["", "x" * 73, "a\0b"])
def test_bcrypt_refuses_what_it_would_cut(wrong):
    """A password that the format shortens would let others in."""
    with pytest.raises(ValueError, match="1 to 72 bytes"):
        hashed(wrong, bytes(16))


def test_they_are_random_and_stay(access):
    """Different ones, 228 bits each; a second call changes none."""
    made = {name: (access.folder / name).read_text() for name in RANDOM}
    assert len(set(made.values())) == len(RANDOM)
    assert all(len(value) == 40 and value.isalpha() for value in made.values())
    before = {path: path.read_bytes() for path in access.folder.iterdir()}
    make(access.folder)
    assert {path: path.read_bytes() for path in access.folder.iterdir()} == before
    other = make(access.folder.parent / "other")
    assert other.password != access.password


def test_only_their_owner_reads_them(access):
    """The folder and each file; a file that was opened is refused with what to do."""
    assert access.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in access.folder.iterdir()} == {0o600}
    (access.folder / "password").chmod(0o644)
    with pytest.raises(SecretsError, match=r"chmod 600 .*password"):
        make(access.folder)


def test_a_new_password_is_hashed_anew(access):
    """Whoever changes the password by hand changes what the engines compare with."""
    before = (access.folder / "web.yml").read_text()
    (access.folder / "password").write_text("correcthorsebattery")
    basic = make(access.folder).basic
    assert base64.b64decode(basic.split()[1]) == b"otelml:correcthorsebattery"
    assert (access.folder / "web.yml").read_text() != before


def openssl(*arguments: str) -> str:
    return subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_the_authority_signs_nothing_else(tmp_path):
    """The certificate is for this machine and the services; the authority's key is gone."""
    access = make(tmp_path, secure=True)
    certificate = str(tmp_path / "cert.pem")
    assert "OK" in openssl("verify", "-CAfile", str(access.authority), certificate)
    shown = openssl("x509", "-in", certificate, "-noout", "-text")
    for part in ("DNS:localhost", "IP Address:127.0.0.1", "DNS:collector", "CA:FALSE"):
        assert part in shown
    keys = [path.name for path in tmp_path.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert keys == ["key.pem"]
    key = openssl("pkey", "-in", str(tmp_path / "key.pem"), "-pubout")
    assert key == openssl("x509", "-in", certificate, "-noout", "-pubkey")


def test_without_openssl_it_says_so(tmp_path, monkeypatch):
    """Certificates need a program that may be missing; no half of them is left."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SecretsError, match="openssl, which is not installed"):
        make(tmp_path / "secrets", secure=True)
    assert not list((tmp_path / "secrets").glob("*.pem"))


@pytest.mark.parametrize("secure", [False, True])
def test_each_engine_is_handed_its_own(tmp_path, secure):
    """What compose unpacks: files of its own for each engine, certificates only if secure."""
    lines = env_lines(make(tmp_path, secure=secure))
    packed = base64.b64decode(lines["OTELML_STACK_SECRETS"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {member.name: member.mode for member in archive.getmembers()}
    wanted = {
        f"{engine}/{name}"
        for engine, names in GIVEN.items()
        for name in names
        if secure or not name.endswith(".pem")
    } | {f"{engine}/client.yml" for engine, names in GIVEN.items() if "password" in names}
    assert set(members) == wanted
    assert set(members.values()) == {0o440}
    assert ("COMPOSE_FILE" in lines) is secure


def test_services_learn_no_password(access):
    """The demo, and all who only send, are given the token and nothing of the pages."""
    assert GIVEN["demo"] == ("ca.pem",)
    assert access.password not in env_lines(access)["OTELML_OTLP_TOKEN"]
    assert "otlp_token" not in {n for e, names in GIVEN.items() if e != "collector" for n in names}


def test_other_lines_of_the_env_file_stay(access, tmp_path):
    """The file is the user's: ours are replaced, and it is for its owner only."""
    file = tmp_path / ".env"
    file.write_text("OTELML_ALERT_EMAIL_TO=me@example.org\nOTELML_OTLP_TOKEN=old\n")
    write_env(access, file)
    write_env(access, file)
    lines = file.read_text().splitlines()
    assert lines[0] == "OTELML_ALERT_EMAIL_TO=me@example.org"
    assert len(lines) == 6
    assert "OTELML_OTLP_TOKEN=old" not in lines
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_command_prints_places_and_no_secret(tmp_path, capsys):
    """It says where each is; none is in the output."""
    arguments = ["--data", str(tmp_path), "--env-file", str(tmp_path / ".env"), "--secure"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    for name in ("password", "grafana_password", "otlp_token", "ca.pem", ".env"):
        assert str(tmp_path) in said
        assert name in said
    assert USER in said
    for path in (tmp_path / "secrets").iterdir():
        assert path.read_text().strip() not in said


def test_git_never_sees_them():
    """Both places are ignored."""
    ignored = (secrets.ROOT / ".gitignore").read_text().splitlines()
    assert {".env", f"{secrets.DATA.name}/"} <= set(ignored)
