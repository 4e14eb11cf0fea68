"""The bill of materials, and the digests of what is vendored."""

from __future__ import annotations

import hashlib
import json

import pytest

pytest.importorskip("cyclonedx", reason="of the group lint")

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from licenses import sbom
from licenses.parts import installed, needed


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The document."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.json"
    assert sbom.main([str(path)]) == 0
    return path.read_text()


def test_every_part_is_in_it(written):
    """By its purl, with a licence, once."""
    document = json.loads(written)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "otelml"
    by_ref = {one["bom-ref"]: one for one in document["components"]}
    wanted = {f"python:{p.name}@{p.version}" for p in installed()}
    wanted |= {f"{kind}:{name}@{version}" for kind, name, version in needed()}
    assert wanted <= set(by_ref)
    for ref in wanted:
        assert by_ref[ref]["licenses"], ref
        assert by_ref[ref]["purl"].startswith("pkg:"), ref
    assert len(by_ref) == len(document["components"])


def test_what_requires_what(written):
    """From the project down."""
    found = {one["ref"]: one.get("dependsOn", []) for one in json.loads(written)["dependencies"]}
    assert any(ref.startswith("python:opentelemetry-sdk@") for ref in found["otelml"])
    sdk = next(ref for ref in found if ref.startswith("python:opentelemetry-sdk@"))
    assert any(ref.startswith("python:opentelemetry-api@") for ref in found[sdk])


def test_vendored_files_have_their_digest(written):
    """That of the file as it is."""
    files = {
        one["name"]: one["hashes"][0]["content"]
        for one in json.loads(written)["components"]
        if one["type"] == "file"
    }
    assert set(files) == {
        f"vendor/{p.name}" for p in sbom.VENDOR.iterdir() if p.suffix in {".js", ".css"}
    }
    for name, digest in files.items():
        path = sbom.VENDOR / name.removeprefix("vendor/")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_it_is_valid(written):
    """By the schema of CycloneDX."""
    try:
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    except ImportError as error:
        pytest.fail(f"the schema cannot be read: {error}")
    assert wrong is None


def test_vendored_files_are_those_that_were_vendored():
    """Each is listed with its digest, and nothing else is there."""
    lines = (sbom.VENDOR / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    there = {p.name for p in sbom.VENDOR.iterdir()} - {"README.md", "SHA256SUMS"}
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((sbom.VENDOR / name).read_bytes()).hexdigest() == digest, name
