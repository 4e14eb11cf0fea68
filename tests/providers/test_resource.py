"""The resource: what says what, and who wins."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource

from otelml._providers.resource import child_resource, create_resource
from otelml._version import __version__
from otelml.config import Config


def test_code_wins():
    """Arguments come before the environment."""
    config = Config(service_name="a", service_version="1", environment="prod")
    attributes = create_resource(config).attributes
    assert {
        key: attributes[key]
        for key in ("service.name", "service.version", "deployment.environment.name")
    } == {"service.name": "a", "service.version": "1", "deployment.environment.name": "prod"}
    assert attributes["telemetry.distro.name"] == "otelml"
    assert attributes["telemetry.distro.version"] == __version__


def test_names_by_precedence(monkeypatch):
    """Argument, then OTEL_SERVICE_NAME, then OTEL_RESOURCE_ATTRIBUTES, then the program."""
    monkeypatch.setattr(sys, "argv", ["/srv/app/serve.py"])
    names = [create_resource(Config()).attributes["service.name"]]
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=attributes,team=risk%20desk")
    names.append(create_resource(Config()).attributes["service.name"])
    monkeypatch.setenv("OTEL_SERVICE_NAME", "variable")
    names.append(create_resource(Config()).attributes["service.name"])
    names.append(create_resource(Config(service_name="code")).attributes["service.name"])
    assert names == ["unknown_service:serve.py", "attributes", "variable", "code"]
    assert create_resource(Config()).attributes["team"] == "risk desk"


@pytest.mark.parametrize(
    ("argv", "name"),
    [(["/srv/app/__main__.py"], "app"), (["-c"], Path(sys.executable).name), ([""], None)],
)
def test_program_without_a_file_of_its_own(monkeypatch, argv, name):
    """``python -m app`` is ``app``; without any file it is the interpreter."""
    monkeypatch.setattr(sys, "argv", argv)
    expected = name or Path(sys.executable).name
    assert create_resource(Config()).attributes["service.name"] == f"unknown_service:{expected}"


def test_resource_attributes_of_code():
    """Further attributes are taken as they are."""
    attributes = create_resource(Config(resource_attributes=(("team", "risk"),))).attributes
    assert attributes["team"] == "risk"


def test_process_and_host_are_described():
    """Process and host are known without asking for detectors."""
    attributes = create_resource(Config()).attributes
    assert attributes["process.pid"] == os.getpid()
    assert attributes["host.name"]


def test_detectors_of_the_variable_replace_ours(monkeypatch):
    """``OTEL_EXPERIMENTAL_RESOURCE_DETECTORS`` has the say."""
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "os")
    attributes = create_resource(Config()).attributes
    assert "os.type" in attributes
    assert "process.pid" not in attributes


def test_instances_differ():
    """Each process gets a random instance id."""
    ids = [create_resource(Config()).attributes["service.instance.id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert uuid.UUID(ids[0]).version == 4


def test_child_gets_its_own_id():
    """A random instance id is drawn anew; one that was chosen is told apart by the process."""
    pid = os.getpid()
    drawn = child_resource(create_resource(Config()), 1).attributes["service.instance.id"]
    assert uuid.UUID(drawn).version == 4
    chosen = Resource({"service.instance.id": "pod-1"})
    assert dict(child_resource(chosen, 1).attributes) == {"service.instance.id": f"pod-1.{pid}"}
    grandchild = Resource({"service.instance.id": "pod-1.77"})
    assert dict(child_resource(grandchild, 77).attributes) == {
        "service.instance.id": f"pod-1.{pid}"
    }
