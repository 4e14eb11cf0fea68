# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""House prices: async views over a regressor, one house or a batch of them."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from flask import Flask, request
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures

logger = logging.getLogger("prices")
poly = PolynomialFeatures(2)
rng = np.random.default_rng(7)
houses = rng.uniform(1, 10, size=(200, 2))
prices = Ridge().fit(poly.fit_transform(houses), houses[:, 0] * houses[:, 1])


async def lookup(house):
    await asyncio.sleep(0.001)
    return [float(house["rooms"]), float(house["area"])]


import otelml; otelml.init("price-api", model="prices", model_version="7")  # fmt: skip
app = Flask(__name__)


@app.post("/price")
async def price():
    features = np.array([await lookup(request.get_json())])
    value = prices.predict(poly.transform(features))[0]
    logger.warning("price %.2f", value)
    return {"price": float(value)}


@app.post("/prices")
async def batch():
    rows = await asyncio.gather(*(lookup(house) for house in request.get_json()))
    values = prices.predict(poly.transform(np.array(rows)))
    logger.warning("%d prices", len(values))
    return {"prices": values.tolist()}
