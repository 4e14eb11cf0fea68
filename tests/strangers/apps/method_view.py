# ruff: noqa: E702, I001 - the one added line stands where a stranger may put it
"""Digits by a class-based view; the model is a file, loaded with the first request."""

from __future__ import annotations

import logging
import os
import tempfile
from functools import cached_property
from pathlib import Path
from wsgiref.simple_server import make_server

import joblib
import numpy as np
from flask import Flask, request
from flask.views import MethodView
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from werkzeug.middleware.dispatcher import DispatcherMiddleware


class Digits(MethodView):
    init_every_request = False

    def __init__(self, path):
        self.path = path

    @cached_property
    def model(self):
        return joblib.load(self.path)

    def put(self):
        pixels = np.frombuffer(request.data, dtype=np.uint8).reshape(1, -1) / 16
        digit = int(self.model.predict(pixels)[0])
        logging.getLogger(__name__).warning("digit %d", digit)
        return str(digit), 201, {"Content-Type": "text/plain"}


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.joblib"
        x, y = load_digits(return_X_y=True)
        joblib.dump(SVC().fit(x[:300] / 16, y[:300]), path)
        app = Flask("digits")
        app.add_url_rule("/digit", view_func=Digits.as_view("digit", path))
        site = DispatcherMiddleware(
            lambda _e, start: start("404 Nothing", []) or [], {"/ml": app.wsgi_app}
        )
        import otelml; otelml.init("digits-api")  # fmt: skip
        with make_server("127.0.0.1", int(os.environ["PORT"]), site) as server:
            server.serve_forever()


if __name__ == "__main__":
    main()
