"""Labels in a store."""

from __future__ import annotations

import pytest

import otelml
from otelml.config import Config, FeedbackOptions
from otelml.exceptions import ConfigurationError, FeedbackError
from otelml.labels import LabelStore
from otelml.testing import capture
from tests._ids import SECRET


def _config(url):
    return Config(feedback=FeedbackOptions(store=url, secret=SECRET))


def _predict():
    with otelml.prediction("loan") as p:
        p.set_result(label="yes", confidence=0.9)
    return p.id


def test_a_label_is_known_after_a_restart(tmp_path):
    """What another process, or this one before, has acknowledged is a duplicate."""
    url = f"sqlite:///{tmp_path}/labels.db"
    with capture(_config(url)):
        made = _predict()
        assert otelml.feedback(made, "yes").outcome == "correct"
    with capture(_config(url)):
        assert otelml.feedback(made, "yes").outcome == "duplicate"
        assert otelml.feedback(made, "no").outcome == "conflict"
    assert LabelStore(url).counts()["labels"] == 1


def test_a_key_finds_its_prediction(tmp_path):
    """The worker writes it; a label then ends the waiting."""
    url = f"sqlite:///{tmp_path}/labels.db"
    with capture(_config(url)):
        made = _predict()
        assert otelml.register_key("loan-1", made)
        assert not otelml.register_key("", made)
    store = LabelStore(url)
    assert store.find("loan-1") == made
    assert store.awaiting() == [("loan-1", made)]
    with capture(_config(url)):
        otelml.feedback(made, "no")
    assert store.awaiting() == []


def test_what_cannot_be_stored_is_not_acknowledged(tmp_path):
    """It is refused with a reason, and counted."""
    with capture(_config(f"sqlite:///{tmp_path}/none/labels.db")) as captured:
        with pytest.raises(FeedbackError) as refused:
            otelml.feedback(_predict(), "yes")
        assert refused.value.reason == "store"
        (point,) = captured.metric("ml.feedback.rejected").points
    assert point.attributes["ml.feedback.reason"] == "store"


def test_without_a_store_no_key_is_kept(capture_telemetry):
    """The caller hears that."""
    assert not otelml.register_key("loan-1", _predict())


def test_a_wrong_store_is_an_error_of_init():
    """Init names what it must be; a password is not shown."""
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        otelml.init("labels", feedback=FeedbackOptions(store="labels.db"))
    url = "postgresql://a:{}@host/db".format("hidden")
    assert "hidden" not in repr(FeedbackOptions(store=url))
