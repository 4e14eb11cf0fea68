"""MLflow's scoring protocol: ``POST /invocations``.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

from typing import Any

from otelml._proxy.fields import NOTHING, Outcome, column_rows, outcome_of, rows_of

__all__ = ["MlflowBody"]


class MlflowBody:
    """Reads ``dataframe_split``, ``dataframe_records``, ``instances``, ``inputs``."""

    def features(self, body: Any) -> Any:
        """Return the features in the JSON of a request; None where there are none.

        >>> MlflowBody().features({"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}})
        [{'a': 1}, {'a': 2}]
        """
        if not isinstance(body, dict):
            return None
        if "dataframe_split" in body:
            return _split(body["dataframe_split"])
        if "dataframe_records" in body:
            return rows_of(body["dataframe_records"])
        given = body.get("instances", body.get("inputs"))
        if isinstance(given, dict):
            return column_rows(given)
        return rows_of(given)

    def outcome(self, body: Any) -> Outcome:
        """Return what the JSON of an answer says.

        >>> MlflowBody().outcome({"predictions": ["yes", "no"]}).label
        ['yes', 'no']
        """
        if isinstance(body, list):  # MLflow 1
            return outcome_of(body)
        return outcome_of(body["predictions"]) if "predictions" in body else NOTHING


def _split(frame: Any) -> Any:
    rows, names = frame["data"], frame.get("columns")
    if not names:
        return rows_of(rows)
    return [dict(zip(map(str, names), row, strict=True)) for row in rows] or None
