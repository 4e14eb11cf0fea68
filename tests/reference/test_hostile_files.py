"""A reference's file that somebody else wrote: a clear error, and no more work than it is worth."""

from __future__ import annotations

import json
import os

import pytest

from otelml.exceptions import InvalidReferenceError
from otelml.reference import Reference, file


@pytest.fixture
def document(tmp_path):
    """What is in a good file."""
    path = tmp_path / "good.json"
    Reference.from_data({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]}).save(path)
    return json.loads(path.read_text())


def _write(path, document):
    document["digest"] = file.digest(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "too deep"),
        ('{"a":' * 200_000, "too deep"),
        ('{"format": NaN}', "NaN is no number"),
        ("\x00", "is damaged"),
        ("3", "is no reference"),
        ('{"format": "otelml-reference", "schema_version": 1, "features": {}}', "are no list"),
        ('{"format": "otelml-reference", "schema_version": 1, "features": [1]}', "are no list"),
    ],
)
def test_texts(tmp_path, text, said):
    """Deep, no number, no object, no features."""
    path = tmp_path / "reference.json"
    path.write_text(text)
    with pytest.raises(InvalidReferenceError, match=said):
        Reference.load(path)


def test_many_features(tmp_path, document):
    """They are counted before anything is made of them."""
    document["features"] = document["features"][:1] * (file.MOST_FEATURES + 1)
    with pytest.raises(InvalidReferenceError, match="has 10,001 features; 10,000 at most"):
        Reference.load(_write(tmp_path / "many.json", document))


def test_large(tmp_path):
    """A size is looked at before the file is read; a sparse one costs nothing to make."""
    path = tmp_path / "large.json"
    with path.open("wb") as sparse:
        sparse.truncate(file.MOST_BYTES + 1)
    with pytest.raises(InvalidReferenceError, match="is larger than"):
        Reference.load(path)


def test_a_pipe_and_a_folder(tmp_path):
    """Nobody waits for one."""
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(InvalidReferenceError, match="no ordinary file"):
            Reference.load(path)


@pytest.mark.parametrize("key", ["features", "predictions", "quality", "ordered", "created_at"])
@pytest.mark.parametrize("value", ["gone", 3, [[1]], {"a": 1}, "x", None])
def test_another_shape_with_a_digest_that_fits(tmp_path, document, key, value):
    """It is refused or read, and raises nothing else."""
    if value == "gone":
        del document[key]
    else:
        document[key] = value
    try:
        Reference.load(_write(tmp_path / "odd.json", document))
    except InvalidReferenceError as error:
        said = str(error)
    else:
        said = "odd.json"
    assert "odd.json" in said


@pytest.mark.parametrize(
    "key", ["name", "kind", "values", "counts", "levels", "edges", "bins", "margins"]
)
@pytest.mark.parametrize("value", ["gone", "x", 1e308, [["x"]], {"a": "b"}, None])
def test_another_feature(tmp_path, document, key, value):
    """The same of each of its fields."""
    for feature in document["features"]:
        if value == "gone":
            feature.pop(key, None)
        else:
            feature[key] = value
    try:
        Reference.load(_write(tmp_path / "odd.json", document))
    except InvalidReferenceError as error:
        said = str(error)
    else:
        said = "odd.json"
    assert "odd.json" in said
