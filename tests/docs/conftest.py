"""What the tests of the documents share."""

from __future__ import annotations

import pytest

from demo_service import artifact, train


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A small model, always the same."""
    folder = tmp_path_factory.mktemp("model")
    artifact.save(train.train(rows=2000, seed=5), folder)
    return folder
