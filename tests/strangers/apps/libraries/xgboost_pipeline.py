"""XGBoost at the end of a pipeline; label and probability are asked for one after the other."""

from __future__ import annotations

import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from .rows import NAMES, X, Y

_model = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=5, n_jobs=1)).fit(
    pd.DataFrame(X, columns=NAMES), Y
)


def predict(row):
    frame = pd.DataFrame([row], columns=NAMES)
    label = _model.predict(frame)[0]
    assert _model.predict_proba(frame).shape == (1, 2)
    return label
