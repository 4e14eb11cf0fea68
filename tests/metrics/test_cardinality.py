"""The cap on streams."""

from __future__ import annotations

from otelml._metrics.cardinality import StreamCap, overflow


def test_hundred_thousand_labels_fold_and_nothing_is_lost():
    """Streams stay under both limits, and every measurement is in one of them."""
    cap = StreamCap("test.labels", values_limit=100, streams_limit=2000)
    before = overflow["test.labels", "label"]
    totals: dict[int, int] = {}
    for i in range(100_000):
        attributes = cap.admit((("ml.model.name", "m"), ("label", f"l{i}")))
        totals[id(attributes)] = totals.get(id(attributes), 0) + 1
    assert len(totals) == 101
    assert sum(totals.values()) == 100_000
    assert overflow["test.labels", "label"] - before == 99_900


def test_streams_limit_is_strict():
    """Combinations of admitted values stay under the limit too, each model by itself if it can."""
    cap = StreamCap("test.streams", values_limit=100, streams_limit=50)
    seen = {
        id(cap.admit((("ml.model.name", f"m{i}"), ("a", str(j)), ("b", str(k)))))
        for i in range(5)
        for j in range(20)
        for k in range(20)
    }
    assert len(seen) <= 50


def test_same_attributes_same_stream():
    """A stream is one object for good."""
    cap = StreamCap("test.same", values_limit=10, streams_limit=10)
    key = (("a", "1"),)
    assert cap.admit(key) is cap.admit((("a", "1"),)) == {"a": "1"}
