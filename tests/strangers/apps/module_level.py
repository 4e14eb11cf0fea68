# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Iris, as in a tutorial: one module, one application, one model."""

from __future__ import annotations

import os

import waitress
from flask import Flask, jsonify, request
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

app = Flask(__name__)
import otelml; otelml.init("iris-api")  # fmt: skip

iris = load_iris()
model = LogisticRegression(max_iter=500).fit(iris.data, iris.target)


@app.route("/predict", methods=["POST"])
def predict():
    body = request.get_json()
    row = [float(body[name]) for name in ("sl", "sw", "pl", "pw")]
    y = model.predict([row])[0]
    app.logger.warning("predicted %s", iris.target_names[y])
    return jsonify(species=str(iris.target_names[y]))


if __name__ == "__main__":
    waitress.serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=4)
