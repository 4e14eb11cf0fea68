"""A regression by its formula."""

from __future__ import annotations

import pandas as pd
import statsmodels.formula.api as smf

from .rows import NAMES, X, Y

_frame = pd.DataFrame(X, columns=NAMES).assign(paid=Y)
_results = smf.logit("paid ~ income + debt + age", _frame).fit(disp=0)


def predict(row):
    return int(_results.predict(pd.DataFrame([row], columns=NAMES)).iloc[0] > 0.5)
