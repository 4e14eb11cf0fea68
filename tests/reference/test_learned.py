"""What was learned, in the file of its reference."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from otelml.exceptions import InvalidReferenceError
from otelml.reference import Feature, Learned, Reference, read_column

RNG = np.random.default_rng(0)
FRAME = {"income": RNG.normal(size=2000), "level": RNG.choice(["a", "b"], 2000).tolist()}
NORMAL = Feature.of("income", read_column(RNG.normal(1, 1, 3000)))
LEARNED = {
    "income": Learned({500: 0.1}, windows=24, at="2026-01-01T00:00:00+00:00"),
    "level": Learned({480: 0.02, 900: 0.01}, windows=30),
}


def _saved(path, **fields):
    Reference.from_data(FRAME).save(path)
    loaded = Reference.load(path)
    if fields:
        replace(loaded, **fields).save(path)
    return Reference.load(path)


def test_what_was_learned_is_kept_and_the_data_are_not_touched(tmp_path):
    """The file has the same digest, the same data, and one line more a feature."""
    reference = _saved(tmp_path / "r.json")
    before = (tmp_path / "r.json").read_text().splitlines()
    reference.keep(LEARNED)
    again = Reference.load(tmp_path / "r.json")
    assert again.learned == LEARNED
    assert again.digest == reference.digest
    after = (tmp_path / "r.json").read_text().splitlines()
    assert set(before) - set(after) == {' "schema_version": 1,'}
    assert len(after) == len(before) + 2 + len(LEARNED)
    assert json.loads((tmp_path / "r.json").read_text())["digest"] == reference.digest


def test_saving_and_keeping_write_the_same_file(tmp_path):
    """Whoever wrote last, the next one can read and write."""
    kept = _saved(tmp_path / "kept.json")
    kept.keep(LEARNED)
    saved = replace(kept, learned=LEARNED)
    saved.save(tmp_path / "saved.json")
    assert (tmp_path / "kept.json").read_bytes() == (tmp_path / "saved.json").read_bytes()
    Reference.load(tmp_path / "saved.json").keep({"income": Learned({500: 0.3})})
    assert Reference.load(tmp_path / "saved.json").learned["income"].margins == {500: 0.3}


def test_of_replicas_the_largest_margin_holds(tmp_path):
    """Each writes when it has learned; none undoes what another wrote."""
    reference = _saved(tmp_path / "r.json")
    reference.keep({"income": Learned({500: 0.1, 600: 0.2}, windows=24, normal=NORMAL)})
    reference.keep({"income": Learned({500: 0.3}, windows=25, normal=NORMAL, skewed=True)})
    reference.keep({"level": Learned({500: 0.0})})
    learned = Reference.load(tmp_path / "r.json").learned
    assert set(learned) == {"income", "level"}
    assert learned["income"].margins == {500: 0.3, 600: 0.2}
    assert learned["income"].windows == 49
    assert learned["income"].skewed
    assert learned["income"].normal.rows == 6000
    assert len(learned["income"].normal.sample.values) <= 2000


def test_what_someone_accepted_stands_above_what_was_learned(tmp_path):
    """In either order, and the later of two acceptances."""
    first = Learned({500: 0.1}, "accepted", at="2026-01-01", normal=NORMAL, who="ann", why="x")
    later = replace(first, at="2026-01-02", who="bob")
    learned = Learned({400: 0.5}, at="2026-01-03")
    assert first.merge(learned) == learned.merge(first) == first
    assert first.merge(later) == later.merge(first) == later
    reference = _saved(tmp_path / "r.json")
    reference.keep({"income": later})
    found = Reference.load(tmp_path / "r.json").learned["income"]
    assert (found.who, found.why, found.source) == ("bob", "x", "accepted")


@pytest.mark.parametrize("how", ["another", "rewritten", "gone"])
def test_a_file_that_is_another_one_meanwhile_is_left_alone(tmp_path, how):
    """A model was trained again: the margin of the old one must not get into the new file."""
    path = tmp_path / "r.json"
    reference = _saved(path)
    if how == "another":
        Reference.from_data({"income": [1.0, 2.0]}).save(path)
    elif how == "rewritten":
        path.write_text(json.dumps(json.loads(path.read_text())))
    else:
        path.unlink()
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(InvalidReferenceError, match=r"r\.json"):
        reference.keep(LEARNED)
    assert (path.read_bytes() if path.exists() else None) == before
    assert list(tmp_path.glob("*.part")) == []


def test_a_link_stays_a_link_and_the_mode_of_the_file_stays(tmp_path):
    """As where ``current.json`` points at a version."""
    _saved(tmp_path / "v1.json")
    (tmp_path / "v1.json").chmod(0o640)
    (tmp_path / "current.json").symlink_to("v1.json")
    Reference.load(tmp_path / "current.json").keep(LEARNED)
    assert (tmp_path / "current.json").is_symlink()
    assert (tmp_path / "v1.json").stat().st_mode & 0o777 == 0o640
    assert Reference.load(tmp_path / "v1.json").learned == LEARNED


@pytest.mark.parametrize(
    ("margins", "why"),
    [
        ({"500": -0.1}, "learned"),
        ({"500": float("nan")}, "NaN is no number of JSON"),
        ({}, "learned"),
        ({"x": 0.1}, "learned"),
        ({"500": None}, "learned"),
        ([1], "learned"),
    ],
)
def test_a_margin_that_cannot_be_is_refused(tmp_path, margins, why):
    """What was learned is no part of the digest, so it is looked at by itself."""
    reference = _saved(tmp_path / "r.json", learned=LEARNED)
    document = json.loads((tmp_path / "r.json").read_text())
    document["learned"]["income"]["margins"] = margins
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(InvalidReferenceError, match=why):
        Reference.load(tmp_path / "r.json")
    assert reference.learned == LEARNED


def test_what_is_in_no_file_cannot_be_kept():
    """It is said, not lost in silence."""
    with pytest.raises(InvalidReferenceError, match="not read from a file"):
        Reference.from_data(FRAME).keep(LEARNED)


def test_merging_copies_counts_their_rows_once():
    """Replicas that learned apart; beside other data only a normal of its own holds."""
    reference = Reference.from_data(FRAME)
    one = replace(reference, learned={"income": Learned({500: 0.1})})
    two = replace(reference, learned={"income": Learned({500: 0.2}), "level": Learned({9: 0.1})})
    merged = one.merge(two)
    assert merged.rows == reference.rows
    assert merged.learned["income"].margins == {500: 0.2}
    assert set(merged.learned) == {"income", "level"}
    other = Reference.from_data({"income": [1.0] * 100, "level": ["a"] * 100})
    assert two.merge(other).learned == {}
    with_normal = replace(one, learned={"income": Learned({500: 0.1}, normal=NORMAL)})
    assert set(with_normal.merge(other).learned) == {"income"}
    assert with_normal.merge(other).rows == 2100
    assert one.without(["income"]).learned == {}


def test_learned_margins_are_no_other_reference():
    """Two replicas of which one has learned have one digest: no alarm of two references."""
    reference = Reference.from_data(FRAME)
    assert replace(reference, learned=LEARNED).digest == reference.digest
