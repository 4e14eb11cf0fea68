from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import joblib
import numpy as np
import pytest
import sklearn

from demo_service import artifact, train
from otelml.samples import FEATURES, generate


def test_model_is_good_enough(model):
    """It ranks applicants well, on rows it has not seen."""
    metrics = model.metadata.metrics
    assert metrics["roc_auc"] > 0.85
    assert metrics["accuracy"] > 0.75
    assert metrics["brier"] < 0.16


def test_training_repeats():
    """The same seed gives the same model."""
    rows = generate(50, 99).applications
    one, other = (train.train(rows=400, seed=2).pipeline.predict_proba(rows) for _ in range(2))
    assert np.array_equal(one, other)


def test_saved_model_loads(model, tmp_path):
    """What comes back predicts the same, and its metadata is whole."""
    artifact.save(model, tmp_path / "deep")
    loaded = artifact.load(tmp_path / "deep")
    rows = generate(50, 99).applications
    assert loaded.metadata == replace(model.metadata, sha256=loaded.metadata.sha256)
    assert np.array_equal(loaded.pipeline.predict_proba(rows), model.pipeline.predict_proba(rows))
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == [
        "loan.joblib",
        "loan.json",
        "loan.reference.json",
    ]
    assert loaded.reference is not None
    assert loaded.reference.digest == model.reference.digest


def test_command_trains_and_saves(tmp_path, capsys):
    """The command prints its metrics and leaves a model that loads."""
    arguments = ["--rows", "400", "--seed", "3", "--model-version", "7", "--out", str(tmp_path)]
    assert train.main(arguments) == 0
    out = capsys.readouterr().out
    for word in ("400 applications", "accuracy", "roc_auc", "brier", "truly rejected", "saved in"):
        assert word in out
    metadata = artifact.load(tmp_path).metadata
    assert (metadata.version, metadata.rows, metadata.seed) == ("7", 400, 3)
    assert metadata.features == list(FEATURES)
    assert metadata.sklearn_version == sklearn.__version__


@pytest.mark.parametrize("arguments", [["--rows", "10"], ["--rows", "x"], ["--seed", "-1"]])
def test_wrong_arguments(arguments, capsys):
    """A wrong argument is a usage error."""
    with pytest.raises(SystemExit) as end:
        train.main(arguments)
    assert end.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_folder_that_cannot_be_written(tmp_path, capsys):
    """One line says where the model could not go."""
    (tmp_path / "file").write_text("")
    assert train.main(["--rows", "300", "--out", str(tmp_path / "file")]) == 1
    assert "cannot be saved" in capsys.readouterr().err


def test_no_model(tmp_path):
    """Without a model the message says what to run."""
    assert not artifact.exists(tmp_path)
    with pytest.raises(artifact.ModelError, match=r"python -m demo_service\.train"):
        artifact.load(tmp_path)


def test_model_of_another_scikit_learn(model, tmp_path):
    """It is refused by name of both versions, before it is unpickled."""
    old = replace(model.metadata, sklearn_version="0.1")
    artifact.save(artifact.LoanModel(model.pipeline, old), tmp_path)
    assert not artifact.exists(tmp_path)
    with pytest.raises(artifact.ModelError, match=rf"0\.1, installed is {sklearn.__version__}"):
        artifact.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_damaged_model(model, tmp_path, content):
    """A model file cut short or of something else is a clear error."""
    artifact.save(model, tmp_path)
    path = tmp_path / artifact.MODEL_FILE
    data = path.read_bytes()[:5000] if content is None else content
    path.write_bytes(data)
    with pytest.raises(artifact.ModelError, match="is not the one that was trained"):
        artifact.load(tmp_path)
    about = tmp_path / artifact.METADATA_FILE
    digest = hashlib.sha256(data).hexdigest()
    about.write_text(json.dumps({**json.loads(about.read_text()), "sha256": digest}))
    with pytest.raises(artifact.ModelError, match="cannot be read"):
        artifact.load(tmp_path)


class _Runs:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_model_that_was_put_there_is_not_unpickled(model, tmp_path):
    """Its digest is compared first: a pickle is code."""
    artifact.save(model, tmp_path)
    ran = tmp_path / "ran"
    joblib.dump(_Runs(str(ran)), tmp_path / artifact.MODEL_FILE)
    with pytest.raises(artifact.ModelError, match="is not the one that was trained"):
        artifact.load(tmp_path)
    assert not ran.exists()
    about = tmp_path / artifact.METADATA_FILE
    told = json.loads(about.read_text())
    del told["sha256"]
    about.write_text(json.dumps(told))
    assert not artifact.exists(tmp_path)
    with pytest.raises(artifact.ModelError, match="is not the one that was trained"):
        artifact.load(tmp_path)
    assert not ran.exists()


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"version": "1"})])
def test_damaged_metadata(model, tmp_path, text):
    """Metadata that is not whole is a clear error."""
    artifact.save(model, tmp_path)
    (tmp_path / artifact.METADATA_FILE).write_text(text)
    with pytest.raises(artifact.ModelError, match="cannot be read"):
        artifact.load(tmp_path)


def test_the_reference_knows_what_the_model_relies_on(model):
    """Each feature has an importance, and shuffling some of them costs the model much."""
    found = {name: one.importance for name, one in model.reference.features.items()}
    assert set(found) == set(FEATURES)
    assert all(value is not None and 0 <= value < 1 for value in found.values())
    assert max(found.values()) > 0.05
