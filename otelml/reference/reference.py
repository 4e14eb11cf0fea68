"""A reference: what the data of a model looked like at training time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from otelml.exceptions import InvalidReferenceError
from otelml.reference import file, sources
from otelml.reference.columns import read_column
from otelml.reference.feature import Feature
from otelml.reference.frames import read_frame
from otelml.reference.margins import learn_margins


@dataclass(frozen=True)
class Reference:
    """The distribution of each feature, and of the predictions; it never changes.

    Args:
        features: Each feature, by name.
        predictions: The model's own outputs.
        quality: Quality at training time, by metric.
        ordered: Whether the rows were in the order of time.
        created_at: When it was made, in UTC.
    """

    features: Mapping[str, Feature]
    predictions: Feature | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    ordered: bool = False
    created_at: str = ""

    @property
    def rows(self) -> int:
        """Rows it was made from."""
        return max((feature.rows for feature in self.features.values()), default=0)

    @cached_property
    def digest(self) -> str:
        """A digest of all but the time of making: two of the same rows have the same one."""
        return file.digest(file.to_document(self))

    @classmethod
    def from_data(
        cls,
        X: Any,  # noqa: N803 - as scikit-learn names it
        *,
        y: Any = None,
        predictions: Any = None,
        model: Any = None,
        feature_names: Sequence[str] | None = None,
        categorical: Sequence[str] | None = None,
        importances: Mapping[str, float] | Sequence[float] | None = None,
        bins: int = 10,
        ordered: bool | None = None,
        timestamps: str | None = None,
    ) -> Reference:
        """Return the reference of a table.

        Args:
            X: Rows of features: a DataFrame, an array, a mapping of columns, a list of mappings.
            y: True labels or values, as many as rows; with predictions they give the quality.
            predictions: The model's outputs; unsaid, ``model.predict(X)``.
            model: A fitted model, for its predictions and importances.
            feature_names: Names of the columns of a table that has none.
            categorical: Columns whose numbers are levels.
            importances: How much the model relies on each feature, by name or in order.
            bins: Quantile bins of numbers with more than 20 distinct values.
            ordered: Whether rows are in the order of time: then margins are learned.
            timestamps: The column that gives the order; it is no feature.

        Raises:
            InvalidReferenceError: There are no rows, or something named is not there.

        >>> Reference.from_data({"age": range(100)}).features["age"].edges[0]
        9.9
        """
        columns = read_frame(X, feature_names)
        order = _order(columns, timestamps)
        _check_names(columns, categorical or ())
        in_time = bool(ordered) or timestamps is not None
        weights = _importances(columns, importances, model)
        features: dict[str, Feature] = {}
        for name, values in columns.items():
            is_level = True if name in (categorical or ()) else None
            column = read_column(values, categorical=is_level)
            feature = Feature.of(name, column, bins)
            if in_time and feature.sample is not None:
                usable = column.values
                if order is not None:
                    usable = read_column(np.asarray(values)[order]).values
                feature = replace(feature, margins=learn_margins(usable))
            features[name] = replace(feature, importance=weights.get(name))
        if not features or not any(feature.rows for feature in features.values()):
            raise InvalidReferenceError("there are no rows to make a reference from")
        outputs = model.predict(X) if predictions is None and model is not None else predictions
        return cls(
            features,
            None if outputs is None else Feature.of("prediction", read_column(outputs), bins),
            {} if outputs is None or y is None else _quality(y, outputs),
            in_time,
            dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        )

    @classmethod
    def from_csv(cls, path: str | Path, **options: Any) -> Reference:
        """Return the reference of a CSV file with a header, read in chunks.

        Args:
            path: The file.
            **options: ``bins``, ``categorical`` and ``importances`` as of ``from_data``.

        Raises:
            InvalidReferenceError: It is empty, or a row has not the header's columns.
        """
        return sources.merged(cls.from_data(chunk, **options) for chunk in sources.csv_chunks(path))

    @classmethod
    def from_parquet(cls, path: str | Path, **options: Any) -> Reference:
        """Return the reference of a Parquet file, read in chunks (extra ``parquet``).

        Args:
            path: The file.
            **options: ``bins``, ``categorical`` and ``importances`` as of ``from_data``.
        """
        chunks = sources.parquet_chunks(path)
        return sources.merged(cls.from_data(chunk, **options) for chunk in chunks)

    @classmethod
    def from_sql(cls, url: str, query: str, **options: Any) -> Reference:
        """Return the reference of a query, read in chunks (extra ``sql``).

        Args:
            url: The database, as SQLAlchemy writes it.
            query: A SELECT.
            **options: ``bins``, ``categorical`` and ``importances`` as of ``from_data``.
        """
        chunks = sources.sql_chunks(url, query)
        return sources.merged(cls.from_data(chunk, **options) for chunk in chunks)

    @classmethod
    def from_bigquery(
        cls, query: str, *, project: str | None = None, client: Any = None, **options: Any
    ) -> Reference:
        """Return the reference of a BigQuery query, read in pages (extra ``bigquery``).

        Args:
            query: A SELECT in GoogleSQL.
            project: Who pays for the query; that of the credentials, unsaid.
            client: A ``google.cloud.bigquery.Client`` of your own, instead of ``project``.
            **options: ``bins``, ``categorical`` and ``importances`` as of ``from_data``.

        Raises:
            InvalidReferenceError: There are no credentials, or the query failed.
        """
        chunks = sources.bigquery_chunks(query, project, client)
        return sources.merged(cls.from_data(chunk, **options) for chunk in chunks)

    def merge(self, other: Reference) -> Reference:
        """Return the reference over the rows of both.

        Raises:
            InvalidReferenceError: They do not have the same features.
        """
        if set(self.features) != set(other.features):
            differ = sorted(set(self.features) ^ set(other.features))
            raise InvalidReferenceError(f"only one of both has: {', '.join(differ)}")
        merged = {name: kept.merge(other.features[name]) for name, kept in self.features.items()}
        outputs = self.predictions
        if outputs is not None and other.predictions is not None:
            outputs = outputs.merge(other.predictions)
        rows = (self.rows, other.rows)
        quality = {
            name: (value * rows[0] + other.quality[name] * rows[1]) / sum(rows)
            for name, value in self.quality.items()
            if name in other.quality
        }
        latest = max(self.created_at, other.created_at)
        return Reference(merged, outputs, quality, self.ordered and other.ordered, latest)

    def without(self, names: Sequence[str]) -> Reference:
        """Return the reference without these features.

        Raises:
            InvalidReferenceError: One is not there.
        """
        _check_names(self.features, names)
        kept = {name: self.features[name] for name in self.features if name not in names}
        return replace(self, features=kept)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, at once and whole."""
        file.write(path, file.to_document(self))

    @classmethod
    def load(cls, path: str | Path) -> Reference:
        """Read what ``save`` wrote.

        Raises:
            InvalidReferenceError: It is not there, damaged, or of a newer version.
        """
        return cls(**file.read(path))


def _order(columns: dict[str, Any], timestamps: str | None) -> Any:
    if timestamps is None:
        return None
    _check_names(columns, (timestamps,))
    column = read_column(columns.pop(timestamps))
    if column.usable != column.rows or column.kind == "categorical":
        raise InvalidReferenceError(f"{timestamps} does not hold a time in each row")
    return np.argsort(column.values, kind="stable")


def _check_names(columns: Mapping[str, Any], names: Sequence[str]) -> None:
    absent = [name for name in names if name not in columns]
    if absent:
        raise InvalidReferenceError(f"no such column: {', '.join(absent)}")


def _importances(
    columns: Mapping[str, Any], given: Mapping[str, float] | Sequence[float] | None, model: Any
) -> dict[str, float]:
    if given is None:
        found = getattr(model, "feature_importances_", None)
        if found is None:
            return {}
        given = [float(value) for value in found]
    if isinstance(given, Mapping):
        _check_names(columns, list(given))
        return {name: float(value) for name, value in given.items()}
    if len(given) != len(columns):
        raise InvalidReferenceError(f"{len(given)} importances for {len(columns)} features")
    return {name: float(value) for name, value in zip(columns, given, strict=True)}


def _quality(y: Any, outputs: Any) -> dict[str, float]:
    true, predicted = np.asarray(y), np.asarray(outputs)
    if true.shape != predicted.shape:
        raise InvalidReferenceError(f"{len(true)} labels for {len(predicted)} predictions")
    if true.dtype.kind == "f":
        return {"mean_absolute_error": float(np.abs(true - predicted).mean())}
    return {"accuracy": float((true == predicted).mean())}
