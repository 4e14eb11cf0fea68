"""A second service to look at: prices houses in two variants and guesses their districts.

``python -m grafana.picture.pricer`` runs until SIGTERM; where it sends is ``OTEL_*``. It is as
careless as services are: batches that lack a column, features that cannot be read, more districts
than a metric should have labels.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Final

import otelml

VERSION: Final = "7"
PAUSE_S: Final = 0.25
BATCH_ROWS: Final = 32
DISTRICTS: Final = 30
BATCHES, CHALLENGED, LACKING, GUESSED, UNREADABLE = 0.1, 0.2, 0.03, 0.3, 0.05  # shares
SOLD, HAGGLED = 0.5, 0.08  # the share of houses whose price is known, and its spread
FEATURES: Final = ("area", "rooms", "age", "distance")


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


def price_houses(rng: random.Random) -> None:
    """Price one house, or a batch; a few batches lack a column."""
    variant = "challenger" if rng.random() < CHALLENGED else "champion"
    houses = [house(rng) for _ in range(BATCH_ROWS if rng.random() < BATCHES else 1)]
    if rng.random() < LACKING:
        houses = [{name: each[name] for name in FEATURES[:-1]} for each in houses]
    with otelml.prediction("price", version=VERSION, variant=variant, features=houses) as made:
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


def guess_district(rng: random.Random) -> None:
    """Guess the district of a house, of which now and then nothing can be read."""
    features = Lost(house(rng)) if rng.random() < UNREADABLE else house(rng)
    with otelml.prediction("district", version="2", features=features) as made:
        with made.stage("inference"):
            time.sleep(rng.gammavariate(3, 0.001))
        made.set_result(label=f"d{rng.randrange(DISTRICTS):02}", confidence=rng.betavariate(6, 2))


def main() -> None:
    """Price houses until the process is ended."""
    otelml.init("price-api", service_version="2.0.1")
    rng = random.Random(7)
    pause = threading.Event()
    while not pause.wait(rng.expovariate(1 / PAUSE_S)):
        price_houses(rng)
        if rng.random() < GUESSED:
            guess_district(rng)


if __name__ == "__main__":
    main()
