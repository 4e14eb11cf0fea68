"""Ports for the stacks of these tests."""

from __future__ import annotations

import pytest

from engines.process import wait_until_free
from engines.table import TABLE, Ports


def free_ports() -> Ports:
    """Return ports that nothing listens on."""
    for offset in range(36000, 37900, 97):
        ports = Ports(offset)
        if not wait_until_free([ports.of(e.name, p) for e in TABLE.values() for p in e.ports], 0):
            return ports
    pytest.fail("no free ports for the stack")
