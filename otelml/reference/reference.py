"""A reference: what the data of a model looked like at training time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from otelml.exceptions import InvalidReferenceError
from otelml.reference import file, sources
from otelml.reference.columns import Column, read_column
from otelml.reference.feature import Feature
from otelml.reference.frames import read_frame
from otelml.reference.learned import Learned, merged_learned
from otelml.reference.margins import learn_margins
from otelml.reference.parquet import parquet_chunks
from otelml.reference.sketches import sketched

_LABELS = "labels"


@dataclass(frozen=True)
class Reference:
    """The distribution of each feature, and of the predictions; it never changes.

    Args:
        features: Each feature, by name.
        predictions: The model's own outputs.
        quality: Quality at training time, by metric, and the ``labels`` that it is of.
        ordered: Whether the rows were in the order of time.
        created_at: When it was made, in UTC.
        learned: What serving taught of each feature; it is no part of the digest.
        path: The file that it was read from.
    """

    features: Mapping[str, Feature]
    predictions: Feature | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    ordered: bool = False
    created_at: str = ""
    learned: Mapping[str, Learned] = field(default_factory=dict)
    path: Path | None = field(default=None, compare=False)

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
    def from_chunks(
        cls, chunks: Iterable[Any], *, sketch: bool = False, **options: Any
    ) -> Reference:
        """Return the reference of a table that comes in parts, in bounded memory.

        Of each column 20,000 values are kept. More distinct ones are thinned as chunks are merged:
        the share at or below a value is then off by at most 1 in 20,000 for each doubling of the
        chunks, and two builds of the same rows have the same digest. Sketches (KLL of Apache
        DataSketches, extra ``sketches``) are off by 5 in 10,000 at most (in 99 of 100) whatever the
        rows, and about three times as fast; their choice is random, and so is their digest.
        ``Feature.rank_error`` says how far a feature is off.

        Args:
            chunks: Tables with the same columns, of some 10,000 rows each.
            sketch: Whether to use sketches.
            **options: ``bins``, ``categorical`` and ``importances`` as of ``from_data``.

        Raises:
            InvalidReferenceError: There are no rows, or chunks differ in their columns.
            MissingDependencyError: Without datasketches.

        >>> chunks = ({"age": range(start, start + 1000)} for start in range(0, 5000, 1000))
        >>> Reference.from_chunks(chunks).rows
        5000
        """
        if sketch:
            return cls._sketched(chunks, **options)
        whole = sorted({"ordered", "timestamps", "y", "predictions", "model"} & set(options))
        if whole:
            raise InvalidReferenceError(
                f"{whole[0]} needs all rows at once: read them, and use Reference.from_data"
            )
        return sources.merged(cls.from_data(chunk, **options) for chunk in chunks)

    @classmethod
    def _sketched(
        cls,
        chunks: Iterable[Any],
        *,
        bins: int = 10,
        categorical: Sequence[str] | None = None,
        importances: Mapping[str, float] | Sequence[float] | None = None,
    ) -> Reference:
        def weights(names: Sequence[str]) -> Mapping[str, float]:
            return _importances(dict.fromkeys(names), importances, None)

        found = sketched(chunks, bins=bins, categorical=categorical, importances=weights)
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        return cls(found, created_at=now)

    @classmethod
    def from_csv(cls, path: str | Path, **options: Any) -> Reference:
        """Return the reference of a CSV file with a header, read in chunks.

        Args:
            path: The file.
            **options: as of ``from_chunks``.

        Raises:
            InvalidReferenceError: It is empty, or a row has not the header's columns.
        """
        return cls.from_chunks(sources.csv_chunks(path), **options)

    @classmethod
    def from_parquet(cls, path: str | Path, **options: Any) -> Reference:
        """Return the reference of a Parquet file, read in chunks (extra ``parquet``).

        Args:
            path: The file.
            **options: as of ``from_chunks``.
        """
        return cls.from_chunks(parquet_chunks(path), **options)

    @classmethod
    def from_sql(cls, url: str, query: str, **options: Any) -> Reference:
        """Return the reference of a query, read in chunks (extra ``sql``).

        Args:
            url: The database, as SQLAlchemy writes it.
            query: A SELECT.
            **options: as of ``from_chunks``.
        """
        chunks = sources.sql_chunks(url, query)
        return cls.from_chunks(chunks, **options)

    @classmethod
    def from_bigquery(
        cls, query: str, *, project: str | None = None, client: Any = None, **options: Any
    ) -> Reference:
        """Return the reference of a BigQuery query, read in pages (extra ``bigquery``).

        Args:
            query: A SELECT in GoogleSQL.
            project: Who pays for the query; that of the credentials, unsaid.
            client: A ``google.cloud.bigquery.Client`` of your own, instead of ``project``.
            **options: as of ``from_chunks``.

        Raises:
            InvalidReferenceError: There are no credentials, or the query failed.
        """
        chunks = sources.bigquery_chunks(query, project, client)
        return cls.from_chunks(chunks, **options)

    def merge(self, other: Reference) -> Reference:
        """Return the reference over the rows of both.

        Copies of one reference that differ in what they learned are one: its rows count once.
        What was learned beside other data is left out, unless it has a normal of its own.

        Raises:
            InvalidReferenceError: They do not have the same features.
        """
        if set(self.features) != set(other.features):
            differ = sorted(set(self.features) ^ set(other.features))
            raise InvalidReferenceError(f"only one of both has: {', '.join(differ)}")
        learned = self._merge_learned(other)
        if learned and self.learned != other.learned and self.digest == other.digest:
            return replace(self, learned=learned, path=None)
        merged = {name: kept.merge(other.features[name]) for name, kept in self.features.items()}
        outputs = self.predictions
        if outputs is not None and other.predictions is not None:
            outputs = outputs.merge(other.predictions)
        quality = _merged(self, other)
        latest = max(self.created_at, other.created_at)
        return Reference(merged, outputs, quality, self.ordered and other.ordered, latest, learned)

    def _merge_learned(self, other: Reference) -> dict[str, Learned]:
        """Return what replicas learned; beside other data, only what does not lean on them."""
        both = merged_learned(self.learned, other.learned)
        if not both or self.digest == other.digest:
            return both
        return {name: one for name, one in both.items() if one.normal is not None}

    def without(self, names: Sequence[str]) -> Reference:
        """Return the reference without these features.

        Raises:
            InvalidReferenceError: One is not there.
        """
        _check_names(self.features, names)
        kept = {name: self.features[name] for name in self.features if name not in names}
        learned = {name: self.learned[name] for name in self.learned if name not in names}
        return replace(self, features=kept, learned=learned, path=None)

    def with_quality(self, y: Any, predictions: Any) -> Reference:
        """Return the reference with the quality of other rows: of those that were held out.

        On the rows that it was trained on a model is better than it will ever be.

        Args:
            y: True labels or values.
            predictions: What the model says of the same rows.

        Raises:
            InvalidReferenceError: They are not as many.
        """
        return replace(self, quality=_quality(y, predictions))

    def save(self, path: str | Path) -> None:
        """Write it as JSON, at once and whole."""
        file.write(path, file.to_document(self))

    def keep(self, learned: Mapping[str, Learned]) -> None:
        """Put what was learned into the file that this was read from, merged with what is there.

        The data in it stay as they are, and so does the digest.

        Args:
            learned: By feature.

        Raises:
            InvalidReferenceError: It was read from none, from one that cannot be written, or that
                holds another reference meanwhile.
        """
        if self.path is None:
            raise InvalidReferenceError("the reference was not read from a file")
        file.keep(self.path, self.digest, learned)

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
    if column.kind == "categorical" and column.usable == column.rows:
        column = _times(column)
    if column.usable != column.rows or column.kind == "categorical":
        raise InvalidReferenceError(f"{timestamps} does not hold a time in each row")
    return np.argsort(column.values, kind="stable")


def _times(column: Column) -> Column:
    """Return texts in ISO 8601, as files have them, as times; others as they are."""
    try:
        return read_column(
            [dt.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in column.levels]
        )
    except ValueError:
        return column


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
    rows = float(len(true))
    if true.dtype.kind == "f":
        errors = np.abs(true - predicted)
        # Both are means, so that those of parts can be merged; together they give the spread.
        return {
            "mean_absolute_error": float(errors.mean()),
            "mean_squared_error": float((errors**2).mean()),
            _LABELS: rows,
        }
    return {"accuracy": float((true == predicted).mean()), _LABELS: rows}


def _merged(one: Reference, other: Reference) -> dict[str, float]:
    """Return the quality over the labels of both, of what both have."""
    # Older files do not say of how many.
    rows = [part.quality.get(_LABELS, float(part.rows)) for part in (one, other)]
    known = (one.quality.keys() & other.quality.keys()) - {_LABELS}
    if not known or not sum(rows):
        return {}
    quality = {
        name: (value * rows[0] + other.quality[name] * rows[1]) / sum(rows)
        for name, value in one.quality.items()
        if name in known
    }
    return {**quality, _LABELS: sum(rows)}
