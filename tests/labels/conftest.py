"""What tests of labels share."""

from __future__ import annotations

import itertools

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql():
    """A real PostgreSQL."""
    from tests.labels._postgresql import Postgresql

    server = Postgresql()
    yield server
    server.stop()


@pytest.fixture
def database(postgresql):
    """The URL of an empty database."""
    return postgresql.create(f"labels{next(_numbers)}")
