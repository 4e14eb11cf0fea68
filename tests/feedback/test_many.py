"""Labels in bulk."""

from __future__ import annotations

import pytest

import otelml


def _ids(count):
    made = []
    for _ in range(count):
        with otelml.prediction("loan") as p:
            p.set_result(label="yes", confidence=0.9)
        made.append(p.id)
    return made


def test_each_item_is_accepted_or_refused_on_its_own(capture_telemetry):
    """A forged id and a bad label stop nothing; each is named by its place and reason."""
    first, second = _ids(2)
    result = otelml.feedback_many(
        [
            {"prediction_id": first, "actual": "yes", "source": None},
            {"prediction_id": first[:-2] + "xx", "actual": "yes"},
            {"prediction_id": first, "actual": "yes"},
            {"prediction_id": second, "actual": ["no"]},
            {"prediction_id": second, "actual": "no", "reviewer": "kim"},
            {"prediction_id": second, "actual": "yes"},
        ]
    )
    assert result.outcomes == {"correct": 1, "duplicate": 1, "wrong": 1, "conflict": 1}
    assert result.accepted == 4
    assert [one.index for one in result.refused] == [1, 3]
    assert result.refused[1].reason == "label"
    rejected = capture_telemetry.metric("ml.feedback.rejected").points
    counts = {r.attributes["ml.feedback.reason"]: r.value for r in rejected}
    assert sum(counts.values()) == 4


@pytest.mark.parametrize(
    "item", [None, 3, "text", {}, {"actual": "a"}, {"prediction_id": "x"}, {"id": "x", "actual": 1}]
)
def test_what_is_no_item_is_refused(capture_telemetry, item):
    """An item of the wrong kind or with wrong keys is a refusal, not an error."""
    (only,) = otelml.feedback_many([item]).refused
    assert (only.index, only.reason) == (0, "item")
