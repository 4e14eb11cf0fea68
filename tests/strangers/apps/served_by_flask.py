# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Loans: one route, whose model is of the library that LIBRARY names."""

from __future__ import annotations

import importlib
import os

import waitress
from flask import Flask, request

app = Flask(__name__)
import otelml; otelml.init("loan-api")  # fmt: skip

model = importlib.import_module(f"libraries.{os.environ['LIBRARY']}")


@app.post("/loan")
def loan():
    body = request.get_json()
    row = [float(body[name]) for name in ("income", "debt", "age")]
    answer = model.predict(row)
    app.logger.warning("decided %s", answer)
    return {"label": str(answer)}


if __name__ == "__main__":
    waitress.serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=4)
