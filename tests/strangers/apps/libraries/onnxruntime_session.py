"""A model that was trained elsewhere and comes as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from .rows import X, Y

with tempfile.TemporaryDirectory() as _folder:
    _path = Path(_folder, "loan.onnx")
    _path.write_bytes(to_onnx(LogisticRegression().fit(X, Y), X[:1]).SerializeToString())
    _session = onnxruntime.InferenceSession(_path)


def predict(row):
    labels, _ = _session.run(None, {"X": np.array([row], np.float32)})
    return labels[0]
