"""What the files of the Collector must agree on."""

from __future__ import annotations

from pathlib import Path

import yaml

COLLECTOR = Path(__file__).resolve().parents[2] / "collector"


def pipelines(name: str) -> dict:
    """Return the pipelines of a file under ``collector/``."""
    return yaml.safe_load((COLLECTOR / f"{name}.yaml").read_text())["service"]["pipelines"]


def test_a_gateway_handles_spans_as_an_agent_does():
    """Its processors are the agent's, redaction included, and then the sampling."""
    agent = pipelines("config")["traces"]["processors"]
    assert pipelines("gateway")["traces"]["processors"] == [*agent, "tail_sampling"]
