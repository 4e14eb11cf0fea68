"""Trains the demo's model: ``python -m demo_service.train``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split

from demo_service.artifact import LoanModel, Metadata, model_dir, save
from demo_service.pipeline import build_pipeline
from otelml.reference import Reference
from otelml.samples import APPROVED, FEATURES, ROWS, SEED, generate

MIN_ROWS = 200
_WEIGHED_BY = 1_000  # rows that the importance of features is measured with


def train(rows: int = ROWS, seed: int = SEED, version: str = "1") -> LoanModel:
    """Return a model trained on four fifths of ``rows`` applications, tested on the others."""
    started = time.perf_counter()
    data = generate(rows, seed)
    share = data.labels.count(APPROVED) / rows
    _say(f"{rows:,} applications, {share:.0%} approved", started)
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        data.applications, data.labels, test_size=0.2, random_state=seed, stratify=data.labels
    )
    pipeline = build_pipeline(seed).fit(train_rows, train_labels)
    _say(f"trained on {len(train_rows):,}", started)
    column = pipeline.classes_.tolist().index(APPROVED)
    probability = pipeline.predict_proba(test_rows)[:, column]
    truth = np.array(test_labels) == APPROVED
    metrics = evaluate(truth, probability)
    _say(f"tested on {len(test_rows):,}", started)
    _print_metrics(metrics, truth, probability)
    metadata = Metadata(
        version=version,
        trained_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        rows=rows,
        seed=seed,
        features=list(FEATURES),
        metrics=metrics,
        sklearn_version=sklearn.__version__,
    )
    weights = importances(pipeline, test_rows[:_WEIGHED_BY], truth[:_WEIGHED_BY], seed)
    reference = Reference.from_data(train_rows, model=pipeline, importances=weights)
    reference = reference.with_quality(test_labels, pipeline.predict(test_rows))
    _say("remembered what the applications look like", started)
    return LoanModel(pipeline, metadata, reference)


def importances(
    pipeline: Any, rows: list[Any], truth: npt.NDArray[Any], seed: int
) -> dict[str, float]:
    """Return by how much the ROC AUC falls where the values of a feature are shuffled, at least 0.

    Args:
        pipeline: The fitted pipeline.
        rows: Applications that it was not trained on.
        truth: Which of them were approved, shape (n,).
        seed: Of the shuffles.
    """
    generator = np.random.default_rng(seed)
    column = pipeline.classes_.tolist().index(APPROVED)
    whole = roc_auc_score(truth, pipeline.predict_proba(rows)[:, column])
    found: dict[str, float] = {}
    for name in FEATURES:
        values = [rows[place][name] for place in generator.permutation(len(rows))]
        shuffled = [{**row, name: value} for row, value in zip(rows, values, strict=True)]
        without = roc_auc_score(truth, pipeline.predict_proba(shuffled)[:, column])
        found[name] = round(max(0.0, float(whole - without)), 4)
    return found


def evaluate(labels: npt.NDArray[Any], probability: npt.NDArray[Any]) -> dict[str, float]:
    """Return accuracy, ROC AUC and Brier score of the probability of approval, shape (n,)."""
    return {
        "accuracy": round(float(accuracy_score(labels, probability >= 0.5)), 4),
        "roc_auc": round(float(roc_auc_score(labels, probability)), 4),
        "brier": round(float(brier_score_loss(labels, probability)), 4),
    }


def main(arguments: list[str] | None = None) -> int:
    """Train, print the metrics, save; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo_service.train", description=__doc__)
    parser.add_argument("--rows", type=_rows, default=ROWS, help="applications (default 20,000)")
    parser.add_argument("--seed", type=_seed, default=SEED, help="of data and training")
    parser.add_argument("--model-version", default="1", help="as telemetry names it")
    parser.add_argument("--out", type=Path, default=model_dir(), help="folder of the model")
    options = parser.parse_args(arguments)
    model = train(options.rows, options.seed, options.model_version)
    try:
        save(model, options.out)
    except OSError as error:
        print(f"error: the model cannot be saved in {options.out}: {error}", file=sys.stderr)
        return 1
    print(f"saved in {options.out}")
    return 0


def _rows(text: str) -> int:
    rows = int(text)
    if rows < MIN_ROWS:
        raise argparse.ArgumentTypeError(f"at least {MIN_ROWS} applications are needed")
    return rows


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError("must be 0 to 4294967295")
    return seed


def _say(what: str, started: float) -> None:
    print(f"[{time.perf_counter() - started:5.1f} s] {what}", flush=True)


def _print_metrics(
    metrics: dict[str, float], labels: npt.NDArray[Any], probability: npt.NDArray[Any]
) -> None:
    (true_negative, false_positive), (false_negative, true_positive) = confusion_matrix(
        labels, np.asarray(probability) >= 0.5
    ).tolist()
    for name, value in metrics.items():
        print(f"  {name:<12}{value:.4f}")
    print(f"  {'':<20}{'said approved':>14}{'said rejected':>15}")
    print(f"  {'truly approved':<20}{true_positive:>14,}{false_negative:>15,}")
    print(f"  {'truly rejected':<20}{false_positive:>14,}{true_negative:>15,}")


if __name__ == "__main__":
    sys.exit(main())
