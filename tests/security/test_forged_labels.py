"""Labels from clients that are not friends, by ``POST /feedback`` of each framework."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import otelml
from otelml import _guard
from otelml._prediction.codec import Codec
from otelml._prediction.tokens import Token, as_bytes, as_text
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.testing import capture
from tests._ids import SECRET, id_of
from tests.endpoints._services import FRAMEWORKS, service_of
from tests.prediction._first_ids import first_id, sealed_first

TOKEN = Token(7, 8, int(time.time() * 1000), 0, 0.9, "loan", "3", "", "approved")


def _config(**options):
    return Config(logs=LogOptions(enabled=False), system=False, feedback=FeedbackOptions(**options))


def _predict():
    with otelml.prediction("loan", version="3") as p:
        p.set_result(label="approved", confidence=0.9)
    return p.id


def _post(ask, **body):
    return ask("POST", "/feedback", json.dumps(body).encode()).status


def _counted(captured, name="ml.feedback"):
    points = captured.metric(name).points
    return {p.attributes.get("ml.feedback.source") or p.attributes["ml.feedback.reason"]: p.value for p in points}  # fmt: skip


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_hundred_invented_sources_count_once(framework):
    """And as many invented reviewers: of one id one label counts, and its source is the server's."""
    with capture(_config(secret=SECRET)) as captured:
        ask, made = service_of(framework), _predict()
        for number in range(200):
            said = {"source": f"source {number}", "reviewer": f"reviewer {number}"}
            assert _post(ask, prediction_id=made, actual="approved", **said) == 200
        assert _counted(captured) == {"api": 1}
        assert _counted(captured, "ml.feedback.rejected") == {"duplicate": 199}


def test_a_client_names_only_sources_that_it_may():
    """Those of the list count as such; all others are one."""
    with capture(_config(secret=SECRET, client_sources=("officer",))) as captured:
        ask, made = service_of("flask"), _predict()
        for source in ("officer", "review", "trusted", "officer", "Officer", None):
            assert _post(ask, prediction_id=made, actual="approved", source=source) == 200
        assert _counted(captured) == {"officer": 1, "api": 1}


def test_code_that_hands_on_a_client_s_source(tmp_path):
    """`otelml.feedback` believes its caller, but not more than eight times a prediction."""
    for options in ({}, {"store": f"sqlite:///{tmp_path}/labels.db"}):
        with capture(_config(secret=SECRET, **options)) as captured:
            made = _predict()
            items = [
                {"prediction_id": made, "actual": "approved", "source": f"source {n}"}
                for n in range(200)
            ]
            done = otelml.feedback_many(items)
            assert done.outcomes == {"correct": 8}
            assert {refusal.reason for refusal in done.refused} == {"source"}
            assert otelml.feedback(made, "rejected", source="source 3").outcome == "conflict"
            assert sum(_counted(captured).values()) == 8


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_forged_ids_change_nothing(framework):
    """400 forged ids, as an older otelml took them, are refused; real labels keep their place."""
    with capture(_config()) as captured:
        ask, made = service_of(framework), _predict()
        for number in range(400):
            forged = first_id(TOKEN._replace(span_id=number, model=f"forged {number}"), None)
            assert _post(ask, prediction_id=forged, actual="x") == 400
        assert _post(ask, prediction_id=made, actual="approved") == 200
        (point,) = captured.metric("ml.feedback").points
        assert point.attributes["ml.model.name"] == "loan"
        assert _counted(captured, "ml.feedback.rejected") == {"unsigned": 400}


_VALID = [id_of(TOKEN), id_of(TOKEN, encrypts=False), Codec.new_opaque()]
_CRAFTED = sealed_first(b"\1" + bytes(39) + b"\xff", None)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
_FIELD = st.sampled_from(["prediction_id", "actual", "source", "reviewer", "timestamp"])
_IDS = st.sampled_from([*_VALID, _CRAFTED]) | st.binary(max_size=150).map(as_text)


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.dictionaries(_FIELD, _JSON), st.none() | _IDS)
def test_whatever_is_posted_is_answered(hostile, body, prediction_id):
    """With 200 or 400 in each framework: no body makes a 500, and nothing is kept away."""
    if prediction_id is not None:
        body["prediction_id"] = prediction_id
    for ask in hostile:
        assert ask("POST", "/feedback", json.dumps(body).encode()).status in {200, 400}
    assert not _guard.errors


@pytest.fixture
def hostile():
    """Return a service of each framework, for clients that are no friends."""
    with capture(_config(secret=SECRET, unsigned="accept")):
        yield [service_of(framework) for framework in FRAMEWORKS]


@pytest.mark.parametrize(
    "body",
    [
        {"prediction_id": _CRAFTED, "actual": "a"},
        {"prediction_id": _VALID[0], "actual": "\ud800"},
        {"prediction_id": _VALID[0], "actual": "a\0b", "reviewer": "\0", "source": "\ud800"},
        {"prediction_id": _VALID[0], "actual": 1e400},
        {"prediction_id": _VALID[0], "actual": "a", "timestamp": 1e300},
        {"prediction_id": _VALID[0], "actual": "a", "timestamp": -1},
        {"prediction_id": "A" * 60_000, "actual": "a"},
        {"prediction_id": ["a"], "actual": {"b": 1}},
    ],
)
@pytest.mark.parametrize("kept", [False, True])
def test_odd_labels(tmp_path, body, kept):
    """A crafted length, half characters, zeros, endless numbers: taken or refused, and never a 500."""
    store = f"sqlite:///{tmp_path}/labels.db" if kept else None
    with capture(_config(secret=SECRET, unsigned="accept", store=store)) as captured:
        assert _post(service_of("flask"), **body) in {200, 400}
        captured.flush()
        assert not _guard.errors


def test_every_flipped_bit_of_an_id_is_refused():
    """Of an encrypted id, of a signed one, by the endpoint."""
    with capture(_config(secret=SECRET)) as captured:
        ask = service_of("flask")
        for text in (id_of(TOKEN), id_of(TOKEN, encrypts=False)):
            raw = as_bytes(text)
            for bit in range(0, len(raw) * 8, 3):
                flipped = bytearray(raw)
                flipped[bit // 8] ^= 1 << bit % 8
                assert _post(ask, prediction_id=as_text(bytes(flipped)), actual="a") == 400
        assert captured.metric("ml.feedback").points == ()
