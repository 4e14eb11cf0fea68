"""Who gets which variant: the same everywhere, in the shares that were asked for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

import otelml
from otelml.exceptions import ConfigurationError

SHARES = {"champion": 90, "canary": 10}


def test_a_key_stays_with_its_variant_in_every_process():
    """Python's own hash differs between processes; this one does not."""
    keys = [f"customer-{number}" for number in range(50)]
    code = f"import otelml\nprint([otelml.split(k, {SHARES}) for k in {keys}])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.strip() == str([otelml.split(key, SHARES) for key in keys])


def test_shares_are_kept():
    """Of 20,000 keys a tenth goes to the canary, within four standard deviations."""
    found = Counter(otelml.split(number, SHARES) for number in range(20_000))
    assert abs(found["canary"] - 2000) < 4 * (20_000 * 0.1 * 0.9) ** 0.5


def test_a_larger_share_takes_keys_and_moves_no_other():
    """Who had the canary keeps it when its share grows."""
    larger = {"champion": 70, "canary": 30}
    for number in range(2000):
        if otelml.split(number, SHARES) == "canary":
            assert otelml.split(number, larger) == "canary"


def test_another_experiment_mixes_anew():
    """Of a canary's keys, the next experiment's canary has its share, not all."""
    mine = [n for n in range(20_000) if otelml.split(n, SHARES) == "canary"]
    both = sum(otelml.split(n, SHARES, salt="next") == "canary" for n in mine)
    assert 0.05 < both / len(mine) < 0.15


def test_a_share_of_zero_gets_nobody():
    """Wherever it stands."""
    found = {otelml.split(n, {"a": 0, "b": 1, "c": 0}) for n in range(500)}
    assert found == {"b"}


@pytest.mark.parametrize("shares", [{}, {"a": 0}, {"a": -1, "b": 2}, {"a": float("nan")}])
def test_shares_that_make_no_sense_are_refused(shares):
    """With what they are."""
    with pytest.raises(ConfigurationError, match="shares must be"):
        otelml.split("x", shares)
