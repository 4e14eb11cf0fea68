"""loki/config.yaml and its overlay: every key is one that Loki documents, its value of its kind.

Loki itself is not run here (engines/README.md says why), so this is a check of form.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml

HERE = Path(__file__).parent
LOKI = HERE.parents[1] / "loki"
SCHEMA = json.loads((HERE / "config.schema.json").read_text())
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def overlay() -> dict[str, str]:
    """Return the variables of the overlay for object storage."""
    lines = (LOKI / "overlays/object-storage.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def config(environment: dict[str, str]) -> dict:
    """Return the configuration as Loki reads it with an environment."""
    text = (LOKI / "config.yaml").read_text()
    expanded = _VARIABLE.sub(lambda found: environment.get(found[1]) or found[2] or "", text)
    return json.loads(json.dumps(yaml.safe_load(expanded), default=date.isoformat))


def errors(of: dict) -> list[str]:
    """Return what the schema has against a configuration."""
    found = jsonschema.Draft7Validator(SCHEMA).iter_errors(of)
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("environment", [{}, overlay()], ids=["disk", "object storage"])
def test_form(environment):
    """Keys and kinds of values are those of the reference, on disk and on object storage."""
    assert errors(config(environment)) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("limits_config", "max_line_sise"), "256KB", "'max_line_sise' was unexpected"),
        (("limits_config", "max_line_size"), 262144, "262144 is not of type 'string'"),
        (("limits_config", "creation_grace_period"), "10 minutes", "'10 minutes' does not match"),
        (("server", "http_listen_port"), "3100x", "'3100x' is not of type 'integer'"),
        (("ingester", "wal", "directory"), "x", "'directory' was unexpected"),
        (("querier",), {}, "'querier' was unexpected"),
    ],
)
def test_form_can_fail(path, value, said):
    """A misspelt key, and a value of another kind, are refused."""
    wrong = config({})
    block = wrong
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    (error,) = errors(wrong)
    assert said in error


def test_the_overlay_moves_chunks_index_and_deletions():
    """With the overlay's variables all that is kept for long is in the bucket, at the given place."""
    given = overlay()
    found = config({**given, "OTELML_LOKI_S3_ENDPOINT": "store.example.org"})
    (schema,) = found["schema_config"]["configs"]
    assert (schema["object_store"], found["compactor"]["delete_request_store"]) == ("s3", "s3")
    bucket = found["storage_config"]["aws"]
    assert {name: bucket[name] for name in ("endpoint", "bucketnames", "region")} == {
        "endpoint": "store.example.org",
        "bucketnames": "otelml-logs",
        "region": "eu-central-1",
    }
    assert bucket["s3forcepathstyle"] is False


def test_the_overlay_sets_only_what_is_read():
    """Every variable of the overlay is one that the configuration reads."""
    read = {name for name, _ in _VARIABLE.findall((LOKI / "config.yaml").read_text())}
    assert set(overlay()) - read == set()


def test_limits_go_together():
    """What the Collector lets through for its time is what Loki takes, and is kept as long."""
    limits = config({})["limits_config"]
    assert limits["reject_old_samples"] is True
    assert limits["reject_old_samples_max_age"] == limits["retention_period"] == "168h"
    assert limits["creation_grace_period"] == "10m"
    collector = (LOKI.parent / "collector/config.yaml").read_text()
    assert 'time > Now() + Duration("9m")' in collector
    assert 'time < Now() - Duration("167h")' in collector
