"""A second service to look at: prices houses in two variants and guesses their districts.

``python -m grafana.picture.pricer`` runs until SIGTERM; where it sends is ``OTEL_*``. It is as
careless as services are: batches that lack a column, features that cannot be read, more districts
than a metric should have labels, a challenger that is slower, and wrong more often. Beside both
models runs a shadow, which does not always answer, and a batch job, which does not always end well.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

import otelml
from otelml.reference import Reference

VERSION, NEXT_VERSION = "7", "8"
PAUSE_S: Final = 0.25
BATCH_ROWS: Final = 32
DISTRICTS: Final = 30
BATCHES, CHALLENGED, LACKING, GUESSED, UNREADABLE = 0.1, 0.2, 0.03, 0.3, 0.05  # shares
SOLD, HAGGLED = 0.5, 0.08  # the share of houses whose price is known, and its spread
RIGHT, OF_CHALLENGER, FAILED = 0.8, 0.6, 0.04  # shares of districts, the last of a challenger
STRAYED, UNANSWERED = 0.3, 0.05  # shares of what a shadow is given
FEATURES: Final = ("area", "rooms", "age", "distance")
JOB: Final = "valuation"
JOB_EVERY: Final = "20s"
JOB_ROWS, JOB_CHUNK, JOB_PAUSE_S = 400, 100, 12.0


class Lost(dict[str, float]):
    """Features that are read when they are asked for, from a store that is gone."""

    def __iter__(self) -> Iterator[str]:
        """Fail as the store does."""
        raise ConnectionError("the feature store is gone")

    keys = items = values = __iter__  # type: ignore[assignment]


def house(rng: random.Random) -> dict[str, float]:
    """Return the features of some house."""
    area = rng.lognormvariate(4.6, 0.4)
    rooms = max(1.0, round(area / 28 + rng.gauss(0, 0.7)))
    return {"area": area, "rooms": rooms, "age": rng.uniform(0, 90), "distance": rng.uniform(0, 25)}


def price(features: dict[str, float]) -> float:
    """Return thousands."""
    worth = 3.1 * features["area"] + 9 * features["rooms"]
    return max(10.0, worth - 0.9 * features["age"] - 4 * features.get("distance", 12.5))


def chosen(rng: random.Random) -> str:
    """Return which variant answers."""
    return "challenger" if rng.random() < CHALLENGED else "champion"


def columns(houses: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Return houses as a table."""
    return {name: [house[name] for house in houses] for name in FEATURES}


def price_houses(rng: random.Random, shadow: otelml.Shadow) -> None:
    """Price one house, or a batch; a few batches lack a column."""
    variant = chosen(rng)
    houses = [house(rng) for _ in range(BATCH_ROWS if rng.random() < BATCHES else 1)]
    if rng.random() < LACKING:
        houses = [{name: each[name] for name in FEATURES[:-1]} for each in houses]
    with otelml.prediction("price", version=VERSION, variant=variant, features=houses) as made:
        shadow.see(houses)
        with made.stage("feature_extraction"):
            time.sleep(rng.uniform(0.001, 0.004))
        with made.stage("inference"):
            time.sleep(rng.gammavariate(4, 0.002 if variant == "champion" else 0.004))
            prices = [price(each) for each in houses]
        with made.stage("post_processing"):
            time.sleep(0.001)
        made.set_result(value=prices if len(prices) > 1 else prices[0])
    for prediction_id, said in zip(made.ids, prices, strict=True):
        if rng.random() < SOLD:
            otelml.feedback(prediction_id, said * rng.lognormvariate(0, HAGGLED), source="sales")


def guess_district(rng: random.Random, shadow: otelml.Shadow) -> None:
    """Guess the district of a house, of which now and then nothing can be read.

    Raises:
        TimeoutError: The challenger fails.
    """
    variant = chosen(rng)
    features = Lost(house(rng)) if rng.random() < UNREADABLE else house(rng)
    said = f"d{rng.randrange(DISTRICTS):02}"
    with otelml.prediction("district", version="2", variant=variant, features=features) as made:
        shadow.see([said])
        with made.stage("inference"):
            time.sleep(rng.gammavariate(3, 0.001))
            if variant != "champion" and rng.random() < FAILED:
                raise TimeoutError("the map did not answer")
        made.set_result(label=said, confidence=rng.betavariate(6, 2))
    is_right = rng.random() < (RIGHT if variant == "champion" else OF_CHALLENGER)
    actual = said if is_right else f"d{rng.randrange(DISTRICTS):02}"
    otelml.feedback(made.ids[0], actual, source="survey")


class Candidate:
    """A model to come: like the other one, but for some rows.

    Args:
        seed: Of its whims.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def prices(self, houses: Sequence[dict[str, float]]) -> list[float]:
        """Return thousands, a little more than the champion does."""
        self._answer()
        return [price(each) * self._rng.lognormvariate(0.03, 0.05) for each in houses]

    def districts(self, said: Sequence[str]) -> list[str]:
        """Return the champion's district, or another one."""
        self._answer()
        other = f"d{self._rng.randrange(DISTRICTS):02}"
        return [other if self._rng.random() < STRAYED else each for each in said]

    def _answer(self) -> None:
        if self._rng.random() < UNANSWERED:
            raise TimeoutError("the candidate did not answer")


def value_houses(rng: random.Random, reference: Reference, run: int) -> None:
    """Value all houses, as a batch job does; each third run fails, each second has old houses.

    Raises:
        ConnectionError: The run fails.
    """
    houses = [house(rng) for _ in range(JOB_ROWS)]
    if run % 2:
        houses = [{**each, "age": each["age"] + 40} for each in houses]
    with otelml.batch(
        JOB,
        model="price",
        version=VERSION,
        reference=reference,
        total=JOB_ROWS,
        every=JOB_EVERY,
    ) as job:
        for start in range(0, JOB_ROWS, JOB_CHUNK):
            part = houses[start : start + JOB_CHUNK]
            with job.chunk(columns(part)) as chunk:
                time.sleep(0.02)
                if start and (run + 1) % 3 == 0:
                    raise ConnectionError("the register of houses is gone")
                chunk.set_result(value=[price(each) for each in part])


def keep_valuing(rng: random.Random, stop: threading.Event) -> None:
    """Run the batch job over and over."""
    reference = Reference.from_data(columns([house(rng) for _ in range(1000)]))
    run = 0
    while True:
        with contextlib.suppress(ConnectionError):
            value_houses(rng, reference, run)
        run += 1
        if stop.wait(JOB_PAUSE_S):
            return


def main() -> None:
    """Price houses until the process is ended."""
    otelml.init("price-api", service_version="2.0.1")
    rng = random.Random(7)
    pause = threading.Event()
    threading.Thread(target=keep_valuing, args=(random.Random(8), pause), daemon=True).start()
    candidate = Candidate(9)
    of_prices = otelml.shadow(candidate.prices, version=NEXT_VERSION, of="price")
    of_districts = otelml.shadow(candidate.districts, version="3", of="district")
    while not pause.wait(rng.expovariate(1 / PAUSE_S)):
        price_houses(rng, of_prices)
        if rng.random() < GUESSED:
            with contextlib.suppress(TimeoutError):
                guess_district(rng, of_districts)


if __name__ == "__main__":
    main()
