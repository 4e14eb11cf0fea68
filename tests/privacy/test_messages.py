"""Messages and tracebacks lose their values and keep their words."""

from __future__ import annotations

import json
import re
import sys
import traceback

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelml._privacy import clean_message, clean_trace, words_of
from otelml._privacy.words import WORDS

VALUE = "Qzorvela"
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=3, max_size=30)


class RefusedError(Exception):
    """An application's own."""


def _deep(value):
    return [float(v) for v in [value]]


def _strptime(value):
    import datetime as dt

    return dt.datetime.strptime(value, "%Y")


def _json(value):
    return json.loads(value)


def _key(value):
    return {}[value]


def _own(value):
    raise RefusedError(f"no loan for customer {value}, who asks for 73914.26")


def _numpy(value):
    return np.array([value]).astype(float)


def _lines(value):
    raise RefusedError(
        f'one\nTraceback (most recent call last):\n  File "a.py", line 1, in b\n    {value}'
    )


def _syntax(value):
    return compile(f"{value} {value} (", "<row>", "eval")


def _chain(value):
    try:
        float(value)
    except ValueError as error:
        raise RefusedError(f"row of {value}") from error


def _notes(value):
    error = RefusedError("noted")
    if hasattr(error, "add_note"):
        error.add_note(f"row of {value}")
    raise error


def _group(value):
    if sys.version_info < (3, 11):
        raise RefusedError(value)
    raise ExceptionGroup(f"rows of {value}", [ValueError(value), RefusedError(f"a\n    {value}")])  # noqa: F821 - Python 3.11


FAILURES = (
    _deep, _strptime, _json, _key, _own, _numpy, _lines, _syntax, _chain, _notes, _group,
)  # fmt: skip


def raised(fail, value):
    try:
        fail(value)
    except Exception as error:
        return str(error), "".join(traceback.format_exception(error))
    raise AssertionError


@pytest.mark.parametrize("fail", FAILURES)
@pytest.mark.parametrize(
    "value", [VALUE, "q z'or\"vel", "Ünïcödé-Wert", "x\nQzorvela", "Qzorvela: Qzorvela"]
)
def test_no_value_is_left(fail, value):
    """Whatever raised it, and whether the message is known apart or not."""
    message, stack = raised(fail, value)
    shown = clean_message(message, words_of(stack))
    for text in (shown, clean_trace(stack, (message,)), clean_trace(stack)):
        for part in value.replace("'", " ").replace('"', " ").split():
            if len(part) > 2:
                assert part not in text


def test_words_of_the_code_stay():
    """What the raising code says, and the place, can be read."""
    message, stack = raised(_own, VALUE)
    assert clean_message(message, words_of(stack)) == ("no loan for customer …, who asks for …")
    cleaned = clean_trace(stack, (message,))
    assert ", in _own" in cleaned
    assert cleaned.rstrip().endswith("RefusedError: no loan for customer …, who asks for …")


def test_messages_of_python_can_still_be_read():
    """Common ones keep what says what is wrong."""
    assert clean_message("could not convert string to float: 'x1'") == (
        "could not convert string to float: '…'"
    )
    assert clean_message("operands could not be broadcast together with shapes (3,4) (5,)") == (
        "operands could not be broadcast together with shapes (…) (…,)"
    )
    assert clean_message("X has 3 features, but Model is expecting 4 features as input") == (
        "… has … features, but Model is expecting … features as input"
    )
    assert clean_message("can't multiply sequence by non-int of type 'float'").startswith("can't ")


@given(names)
def test_no_text_in_a_quote_or_after_a_colon_is_left(value):
    """Of any script; words that Python's messages have are no one's."""
    shown = clean_message(f"invalid value: {value!r}: {value}")
    words = set(re.findall(r"\w+", shown))
    assert {
        word for word in re.findall(r"\w+", value) if word.lower() not in WORDS
    } & words == set()


@given(st.text(max_size=300))
def test_any_text_is_taken(text):
    """Nothing raises, and to clean twice changes nothing."""
    once = clean_message(text)
    assert clean_message(once) == once
    clean_trace(text)
