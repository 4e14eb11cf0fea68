"""What the tests of the monitor share."""

from __future__ import annotations

import pytest

from otelml._privacy import Policy, install_policy
from otelml.config import PrivacyOptions


@pytest.fixture(autouse=True)
def _levels_by_name():
    """Bins have the names of the plain functions, which know nothing of privacy."""
    install_policy(Policy(PrivacyOptions(level="internal")))
