"""Which ids a service takes labels for, by its options."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import pytest

import otelml
from otelml._prediction import ids as ids_module
from otelml._prediction import keys
from otelml._prediction.codec import Codec
from otelml._prediction.tokens import Token, as_bytes
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.exceptions import ConfigurationError, FeedbackError, MissingDependencyError
from otelml.labels import LabelStore
from otelml.testing import capture
from tests._ids import SECRET, id_of
from tests.prediction._first_ids import first_id

TOKEN = Token(7, 8, int(time.time() * 1000), 0, 0.9, "loan", "3", "", "approved")
NEW = "a-newer-key-of-the-tests-9876543210"


def _config(**options):
    return Config(logs=LogOptions(enabled=False), system=False, feedback=FeedbackOptions(**options))


def _predict(model="loan", version="3", label="approved", **more):
    with otelml.prediction(model, version=version, **more) as p:
        p.set_result(label=label, confidence=0.9)
    return p.id


def _refused(prediction_id):
    with pytest.raises(FeedbackError) as caught:
        otelml.feedback(prediction_id, "approved")
    return caught.value.reason


@pytest.fixture
def other_process(monkeypatch):
    """Return what this process has from another one: its key is not ours."""

    def become():
        monkeypatch.setattr(ids_module._own_key, "value", b"")

    monkeypatch.setattr(ids_module._own_key, "value", b"")
    return become


# --- without a secret -------------------------------------------------------------------------


def test_without_a_secret_ids_are_this_process_s(other_process):
    """Its own are taken, and stay so for a second runtime; those of another are refused."""
    with capture(_config()):
        own = _predict()
        assert otelml.feedback(own, "approved").outcome == "correct"
    with capture(_config()) as captured:
        assert otelml.feedback(own, "approved").outcome == "correct"
        other_process()
    with capture(_config()) as captured:
        assert _refused(own) == "signature"
        (point,) = captured.metric("ml.feedback.rejected").points
        assert dict(point.attributes) == {"ml.feedback.reason": "signature"}
        assert captured.metric("ml.feedback").points == ()


def test_without_a_secret_no_forged_id_is_taken(other_process):
    """Not one that an older otelml called signed, nor one with a key that anybody can derive."""
    forged = [
        first_id(TOKEN, None),
        Codec([], service="test", accepts_unsigned=True).encode(TOKEN),
        id_of(TOKEN, "otelml prediction id 2"),
        id_of(TOKEN, "otelml prediction id 2", encrypts=False),
        id_of(TOKEN, "\0"),
    ]
    with capture(_config()) as captured:
        _predict()
        for one in forged:
            assert _refused(one) in {"unsigned", "signature"}
        assert captured.metric("ml.feedback").points == ()


def test_two_processes_without_a_secret_have_two_keys():
    """What one has made up no other knows."""
    code = "from otelml._prediction.ids import own_key; print(own_key().hex())"
    made = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }  # fmt: skip
    assert len(made) == 2
    assert all(len(one.strip()) == 64 for one in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_worker_takes_its_parent_s_ids():
    """A server that forks after init has one key in all its workers."""
    with capture(_config()):
        made = _predict()
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                said = otelml.feedback(made, "approved").outcome
            except BaseException as error:
                said = repr(error)
            os.write(write, said.encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 100) == b"correct"
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("options", "warns"),
    [
        ({}, True),
        ({"secret": SECRET}, False),
        ({"unsigned": "accept"}, False),
        ({"enabled": False}, False),
    ],
)
def test_one_warning_says_the_line_to_add(options, warns, caplog):
    """Without a key, and only then, and once."""
    with caplog.at_level(logging.WARNING, "otelml"):
        for _ in range(2):
            otelml.init(
                "labels", feedback=FeedbackOptions(**options), traces=False, metrics=False,
                logs=False, drift=False, system=False, instrument="none",
            )  # fmt: skip
        otelml.shutdown()
    said = [r.getMessage() for r in caplog.records if "OTELML_SECRET" in r.getMessage()]
    assert len(said) == warns
    if warns:
        assert "set OTELML_SECRET=<key> for every replica" in said[0]
        assert "openssl rand" in said[0]


# --- with a secret ----------------------------------------------------------------------------


def test_a_replica_takes_another_s_ids(other_process):
    """With the same key, and not without it."""
    with capture(_config(secret=SECRET)):
        made = _predict()
    other_process()
    with capture(_config(secret=SECRET)):
        assert otelml.feedback(made, "approved").outcome == "correct"
    for secret in (None, NEW):
        with capture(_config(secret=secret)):
            assert _refused(made) == "signature"


def test_a_key_is_replaced_without_loss():
    """New key first, old key behind it: labels for both are taken; then the old one goes."""
    with capture(_config(secret=SECRET)):
        old = _predict()
    with capture(_config(secret=f"{NEW}, {SECRET}")):
        assert otelml.feedback(old, "approved").outcome == "correct"
        new = _predict()
    with capture(_config(secret=NEW)):
        assert otelml.feedback(new, "approved").outcome == "correct"
        assert _refused(old) == "signature"


def test_ids_of_an_older_otelml_are_read():
    """A label that comes after the upgrade finds its prediction."""
    with capture(_config(secret=SECRET)) as captured:
        result = otelml.feedback(first_id(TOKEN, SECRET.encode()), "rejected")
        assert (result.model, result.outcome) == ("loan", "wrong")
        (span,) = captured.spans("feedback loan")
        assert span.links[0].context.trace_id == 7


def test_an_id_is_of_its_service():
    """One of another service is refused, but where it is named."""
    made = id_of(TOKEN, service="fraud-api")
    with capture(_config(secret=SECRET)):
        assert _refused(made) == "service"
    with capture(_config(secret=SECRET, services=("fraud-api",))):
        assert otelml.feedback(made, "approved").outcome == "correct"


def test_ids_grow_too_old():
    """Where an age is set, an older id is refused; a younger one is not."""
    day_ms = 86_400_000
    old = id_of(TOKEN._replace(time_ms=TOKEN.time_ms - 31 * day_ms))
    young = id_of(TOKEN._replace(time_ms=TOKEN.time_ms - 29 * day_ms))
    with capture(_config(secret=SECRET, max_age="30d")):
        assert _refused(old) == "expired"
        assert otelml.feedback(young, "approved").outcome == "correct"
    with capture(_config(secret=SECRET)):
        assert otelml.feedback(old, "approved").outcome == "correct"


@pytest.mark.parametrize("weak", ["x", "fifteen-letters", "a" * 40, "abcabcabcabcabcabcabc"])
def test_a_weak_key_is_refused(weak):
    """With its length and how to make a better one, and without the key; behind another it is read."""
    with pytest.raises(ConfigurationError) as caught:
        FeedbackOptions(secret=weak)
    assert str(len(weak)) in str(caught.value)
    assert "openssl rand -base64 32" in str(caught.value)
    assert weak not in str(caught.value).replace("next", "") or len(weak) == 1
    assert FeedbackOptions(secret=f"{SECRET},{weak}").secret


def test_what_ids_may_be(monkeypatch):
    """Other words are refused; encrypted ids need the extra, opaque ones a store."""
    for options in ({"ids": "plain"}, {"unsigned": "yes"}, {"max_age": "soon"}):
        with pytest.raises(ConfigurationError):
            FeedbackOptions(**options)
    with pytest.raises(ConfigurationError, match="opaque"):
        otelml.init("labels", feedback=FeedbackOptions(ids="opaque"))
    monkeypatch.setattr(keys, "_new_siv", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"otelml\[ids\]"):
        otelml.init("labels", feedback=FeedbackOptions(ids="encrypted"))


def test_what_a_client_can_read(monkeypatch):
    """Nothing where ids are encrypted; where they are signed, what was predicted."""
    with capture(_config(secret=SECRET)):
        assert len(_predict(label="no")) == len(_predict(label="a much longer label")) == 200
        assert b"loan" not in as_bytes(_predict())
    with capture(_config(secret=SECRET, ids="signed")):
        assert b"loan\x013\x00approved" in as_bytes(_predict())
    monkeypatch.setattr(keys, "_new_siv", lambda _: None)
    with capture(_config(secret=SECRET)):
        assert b"approved" in as_bytes(_predict())


# --- ids that anybody can make ----------------------------------------------------------------


def test_unsigned_ids_are_taken_where_that_is_said():
    """Of a model that this service has; a label is taken from any process."""
    made = Codec([], service="test", accepts_unsigned=True).encode(TOKEN)
    with capture(_config(unsigned="accept")):
        assert _refused(made) == "model"
        own = _predict()
        assert otelml.feedback(own, "approved").outcome == "correct"
        assert otelml.feedback(made, "approved").outcome == "correct"
        assert otelml.feedback(first_id(TOKEN._replace(span_id=9), None), "no").outcome == "wrong"
    with capture(_config(unsigned="accept", secret=SECRET)):
        signed = _predict()
        assert otelml.feedback(made, "approved").outcome == "correct"
        assert otelml.feedback(signed, "approved").outcome == "correct"


def test_the_configured_model_is_known():
    """A service that names its model takes unsigned ids of it before its first prediction."""
    config = Config(
        model="loan", model_version="3", logs=LogOptions(enabled=False), system=False,
        feedback=FeedbackOptions(unsigned="accept"),
    )  # fmt: skip
    with capture(config):
        assert otelml.feedback(first_id(TOKEN, None), "approved").outcome == "correct"


def test_models_of_the_store_are_known(tmp_path):
    """After a restart, too."""
    options = {"unsigned": "accept", "store": f"sqlite:///{tmp_path}/labels.db"}
    with capture(_config(**options)):
        otelml.feedback(_predict(), "approved")
    with capture(_config(**options)):
        later, deadline = first_id(TOKEN, None), time.monotonic() + 20
        while not _is_taken(later):  # the store is read by a thread of ours
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _is_taken(prediction_id):
    try:
        return otelml.feedback(prediction_id, "approved").outcome == "correct"
    except FeedbackError as error:
        if error.reason != "model":
            raise
        return False


@pytest.mark.parametrize("part", ["model", "version", "variant"])
def test_forged_models_take_no_place(part):
    """400 invented models, versions or variants leave the real one its own stream."""
    with capture(_config(unsigned="accept")) as captured:
        ids = [_predict() for _ in range(3)]
        for number in range(400):
            forged = TOKEN._replace(span_id=number + 100, **{part: f"forged {number}"})
            assert _refused(first_id(forged, None)) == "model"
        for one in ids:
            otelml.feedback(one, "approved")
        (point,) = captured.metric("ml.feedback").points
        assert point.attributes["ml.model.name"] == "loan"
        assert point.value == 3
        quality = captured.metric("ml.quality").points
        assert {p.attributes["ml.model.name"] for p in quality} == {"loan"}
        (rejected,) = captured.metric("ml.feedback.rejected").points
        assert rejected.value == 400


# --- opaque ids -------------------------------------------------------------------------------


def _opaque(tmp_path, **more):
    return _config(ids="opaque", store=f"sqlite:///{tmp_path}/labels.db", **more)


def test_opaque_ids_say_nothing(tmp_path):
    """They are short and random; this process knows them at once, each other one by the store."""
    with capture(_opaque(tmp_path)) as captured:
        made = _predict()
        assert len(made) == 24
        assert otelml.feedback(made, "rejected").outcome == "wrong"
        with otelml.prediction("loan", version="3") as p:
            early = p.id
            p.set_result(label="approved", confidence=0.9)
        assert p.id == early
        late = _predict()
        captured.flush()
        (span, *_) = captured.predictions("loan")
        assert span.attributes.get("ml.prediction.id", made) == made
    with capture(_opaque(tmp_path)) as captured:
        assert otelml.feedback(made, "rejected").outcome == "duplicate"
        assert otelml.feedback(early, "approved").outcome == "correct"
        result = otelml.feedback(late, "approved")
        assert (result.outcome, result.version) == ("correct", "3")
        (span, *_) = captured.spans("feedback loan")
        assert len(span.links) == 1
        assert _refused(Codec.new_opaque()) == "unknown"


def test_opaque_ids_of_a_batch(tmp_path):
    """Each row has its own, and each is found."""
    with capture(_opaque(tmp_path)):
        with otelml.prediction("loan", version="3") as p:
            p.set_result(label=["a", "b", "c"])
        made = list(p.ids)
        assert len(set(made)) == 3
        assert list(p.ids) == made
    with capture(_opaque(tmp_path)):
        assert [otelml.feedback(one, "b").outcome for one in made] == ["wrong", "correct", "wrong"]


def test_only_opaque_ids_that_were_read_are_kept(tmp_path):
    """A prediction whose id nobody has seen has no row in the store, and none on its span."""
    with capture(_opaque(tmp_path)) as captured:
        for _ in range(5):
            with otelml.prediction("loan") as p:
                p.set_result(label="a")
        captured.flush()
        assert not any("ml.prediction.id" in s.attributes for s in captured.predictions("loan"))
        made = p.id
        captured.flush()
        store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
        assert list(store.contents([made, "another"])) == [made]
        store.close()


def test_labels_by_key_and_old_labels_with_opaque_ids(tmp_path):
    """A key finds its prediction, and after a restart quality goes on."""
    with capture(_opaque(tmp_path)) as captured:
        made = _predict()
        assert otelml.register_key("loan-1", made)
        otelml.feedback(made, "approved")
        captured.flush()
        store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
        assert store.find("loan-1") == made
        store.close()
    with capture(_opaque(tmp_path)) as captured:
        deadline = time.monotonic() + 20
        while not captured.metric("ml.quality").points:
            assert time.monotonic() < deadline
            time.sleep(0.05)
