"""A batch job: spans, rows, drift, progress, delivery, and an exit code that is its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import otelml
from otelml._batch.progress import _Bar, _Lines
from otelml._batch.sample import RowSample
from otelml._metrics import forget_runs
from otelml.drift import compare
from otelml.exceptions import ConfigurationError, InvalidReferenceError
from otelml.reference import Reference
from tests._otlp_server import OtlpServer


@pytest.fixture(autouse=True)
def _no_runs():
    forget_runs()
    yield
    forget_runs()


def _frame(rows=1000, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(50 + shift, 10, rows),
            "age": rng.integers(18, 80, rows),
            "job": rng.choice(["cook", "clerk", None], rows),
        }
    )


def _by_name(telemetry, name):
    return [span for span in telemetry.spans() if span.name == name]


def test_chunks_are_traces_of_their_own_linked_to_the_job(capture_telemetry):
    """Each has its predictions beneath it, and a link to the job's span."""
    inputs = np.random.default_rng(0).normal(size=(25, 2))
    model = LogisticRegression().fit(inputs, inputs[:, 0] > 0)
    with otelml.batch("nightly", progress=False) as job:
        scored = [model.predict(part) for part in job.chunks(inputs, size=10)]
    np.testing.assert_array_equal(np.concatenate(scored), model.predict(inputs))
    (whole,) = _by_name(capture_telemetry, "batch nightly")
    chunks = _by_name(capture_telemetry, "chunk nightly")
    assert [c.attributes["ml.batch.rows"] for c in chunks] == [10, 10, 5]
    assert [c.attributes["ml.batch.chunk"] for c in chunks] == [1, 2, 3]
    assert len({span.context.trace_id for span in (whole, *chunks)}) == 4
    for chunk in chunks:
        assert [link.context.span_id for link in chunk.links] == [whole.context.span_id]
        (below,) = capture_telemetry.children(chunk)
        assert below.name == "predict LogisticRegression"
    assert whole.attributes["ml.batch.rows"] == 25
    assert whole.attributes["ml.batch.outcome"] == "done"
    assert (job.result.rows, job.result.chunks, job.result.failed_chunks) == (25, 3, 0)
    assert job.result.rows_per_s == pytest.approx(25 / job.result.duration_s)


def test_with_a_model_each_chunk_is_a_prediction_of_it(capture_telemetry):
    """Named by the job, with its result, whatever the library."""
    with otelml.batch("nightly", model="loan", version="3", progress=False) as job:
        for number in (2, 3):
            with job.chunk([[1.0]] * number) as chunk:
                chunk.set_result(label=["a"] * number)
        with job.chunk(4) as chunk:
            chunk.set_result(label=["b"] * 4)
    assert job.result.rows == 9
    spans = capture_telemetry.predictions("loan")
    assert [span.attributes["ml.prediction.rows"] for span in spans] == [2, 3, 4]
    total = capture_telemetry.metric("ml.predictions").where(ml__model__version="3")
    assert total.where(ml__prediction__label="b").sum() == 4


@pytest.mark.parametrize("kind", [list, np.asarray])
def test_a_mapping_of_columns_has_as_many_rows_as_they(kind, capture_telemetry):
    """With a model as well, to whose prediction a mapping would be one row."""
    table = {"income": kind([1.0, 2.0, 3.0]), "job": kind(["a", "b", "c"])}
    with otelml.batch("nightly", model="loan", progress=False) as job:
        for part in job.chunks(table, size=2):
            otelml.current_prediction().set_result(label=["yes"] * len(part["income"]))
    assert (job.result.rows, job.result.chunks) == (3, 2)
    spans = capture_telemetry.predictions("loan")
    assert [span.attributes["ml.prediction.rows"] for span in spans] == [2, 1]
    total = capture_telemetry.metric("ml.predictions").where(ml__prediction__label="yes")
    assert total.sum() == 3


def test_drift_is_that_of_the_whole_batch(capture_telemetry):
    """As one comparison of all rows gives it, as return value, event, span and metric."""
    reference = Reference.from_data(_frame())
    frame = _frame(900, shift=5.0, seed=1)
    with otelml.batch("nightly", reference=reference, progress=False) as job:
        for _ in job.chunks(frame, size=128):
            pass
    expected = compare(reference, frame)
    assert expected.drifted == ("income",)
    assert job.result.drift.to_dict() == expected.to_dict()
    assert job.result.compared_rows == 900
    (span,) = _by_name(capture_telemetry, "batch nightly")
    assert span.attributes["ml.batch.drifted"] == ("income",)
    (event,) = capture_telemetry.logs("ml.batch.finished")
    assert event.severity_text == "WARN"
    assert "1 of 3 features drifted" in event.body
    key = {"ml__batch__name": "nightly"}
    assert capture_telemetry.metric("ml.batch.drift.features").where(**key).sum() == 1


def test_a_batch_like_the_reference_has_not_drifted(capture_telemetry):
    """And its event is information."""
    reference = Reference.from_data(_frame())
    with otelml.batch("nightly", reference=reference, progress=False) as job:
        for _ in job.chunks({k: list(v) for k, v in _frame(500, seed=2).items()}, size=100):
            pass
    assert job.result.drift.drifted == ()
    assert capture_telemetry.metric("ml.batch.drift.features").sum() == 0
    assert capture_telemetry.logs("ml.batch.finished")[0].severity_text == "INFO"


def test_of_a_larger_batch_a_uniform_sample_is_compared():
    """Each of 20,000 rows with the same probability, memory bounded, their order kept."""
    reference = Reference.from_data({"a": np.arange(100.0)})
    sample = RowSample(reference, 1000)
    most = 0
    for start in range(0, 20_000, 500):
        sample.take({"a": np.arange(start, start + 500, dtype=float)})
        most = max(most, sample.rows)
    kept = sample.columns()["a"]
    assert len(kept) == len(set(kept)) == 1000
    assert most <= 2000
    assert (np.diff(kept) > 0).all()
    quarters = np.histogram(kept, bins=4, range=(0, 20_000))[0]
    chi_squared = ((quarters - 250) ** 2 / 250).sum()
    assert chi_squared < 16.3  # one in a thousand


def test_the_last_run_is_told_by_metrics(capture_telemetry):
    """When it ended, how often it is expected, its rows: what the alert compares."""
    before = time.time()
    with otelml.batch("nightly", every="1d", model="loan", progress=False) as job, job.chunk(7):
        pass
    key = {"ml__batch__name": "nightly", "ml__model__name": "loan"}
    metric = capture_telemetry.metric
    done = metric("ml.batch.last_run").where(**key, ml__batch__outcome="done")
    assert before <= done.sum() <= time.time()
    assert metric("ml.batch.interval").where(**key).sum() == 86_400
    assert metric("ml.batch.rows").where(**key).sum() == 7
    assert metric("ml.batch.throughput").where(**key).sum() == pytest.approx(job.result.rows_per_s)


def test_a_failed_run_is_no_run(capture_telemetry):
    """Its error goes on, its span and chunk are marked, and the last good run stays the last."""
    with otelml.batch("nightly", progress=False):
        pass
    good = capture_telemetry.metric("ml.batch.last_run").sum()
    with pytest.raises(KeyError), otelml.batch("nightly", progress=False) as job:
        for part in job.chunks(np.zeros((4, 1)), size=2):
            if part is not None:
                raise KeyError("x")
    ends = capture_telemetry.metric("ml.batch.last_run")
    assert ends.where(ml__batch__outcome="done").sum() == good
    assert ends.where(ml__batch__outcome="failed").sum() >= good
    assert (job.result.error, job.result.failed_chunks, job.result.rows) == ("KeyError", 1, 0)
    span = _by_name(capture_telemetry, "batch nightly")[-1]
    (chunk,) = _by_name(capture_telemetry, "chunk nightly")
    assert span.attributes["error.type"] == chunk.attributes["error.type"] == "KeyError"
    assert not span.status.is_ok
    assert capture_telemetry.logs("ml.batch.finished")[-1].severity_text == "ERROR"


def test_a_chunk_that_fails_and_is_caught_is_counted(capture_telemetry):
    """The job goes on, and its rows are those of the others."""
    with otelml.batch("nightly", progress=False) as job:
        for number in range(3):
            try:
                with job.chunk(10):
                    if number == 1:
                        raise ValueError(number)
            except ValueError:
                continue
    assert (job.result.rows, job.result.failed_chunks, job.result.error) == (20, 1, "")
    capture_telemetry.flush()


def test_a_loop_that_is_left_ends_its_chunk(capture_telemetry):
    """What comes after it in the job is not in the chunk."""
    with otelml.batch("nightly", progress=False) as job:
        parts = job.chunks(np.zeros((4, 1)), size=2)
        next(parts)
    (whole,) = _by_name(capture_telemetry, "batch nightly")
    assert len(_by_name(capture_telemetry, "chunk nightly")) == 1
    with otelml.prediction("later"):
        pass
    assert capture_telemetry.predictions("later")[0].parent is None
    assert whole.parent is None


def test_parts_of_any_table():
    """Frames, arrays, mappings, lists, and iterators of them, whole and in order."""
    array = np.arange(10).reshape(5, 2)
    tables = {
        "frame": (pd.DataFrame(array), [2, 2, 1]),
        "array": (array, [2, 2, 1]),
        "mapping": ({"a": array[:, 0], "b": array[:, 1]}, [2, 2, 1]),
        "list": (array.tolist(), [2, 2, 1]),
        "iterator": (iter([array[:3], array[3:]]), [3, 2]),
    }
    for name, (table, sizes) in tables.items():
        with otelml.batch("nightly", progress=False) as job:
            parts = list(job.chunks(table, size=2))
        assert (name, job.result.rows, len(parts)) == (name, 5, len(sizes))
        flat = [np.column_stack(list(p.values())) if isinstance(p, dict) else p for p in parts]
        np.testing.assert_array_equal(np.concatenate([np.asarray(p) for p in flat]), array)


def test_without_init_the_job_runs_all_the_same():
    """It has its rows and its drift, and says that nothing was delivered."""
    frame = _frame(200)
    with otelml.batch("nightly", reference=Reference.from_data(frame), progress=False) as job:
        for _ in job.chunks(frame):
            pass
    assert job.result.rows == 200
    assert job.result.drift.drifted == ()
    assert (job.result.delivered, dict(job.result.undelivered)) == (False, {})


def test_rows_that_are_no_table_cost_the_drift_and_nothing_else(capture_telemetry):
    """The job's own work goes on."""
    reference = Reference.from_data(_frame())
    wider = np.zeros((3, 7))
    with otelml.batch("n", reference=reference, progress=False) as job, job.chunk(wider):
        pass
    assert (job.result.rows, job.result.drift) == (3, None)
    capture_telemetry.flush()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"every": "often"}, ConfigurationError),
        ({"max_rows": 0}, ConfigurationError),
        ({"flush_timeout_s": 0}, ConfigurationError),
        ({"reference": "not-there.json"}, InvalidReferenceError),
    ],
)
def test_what_cannot_be_is_refused_before_the_job(arguments, error):
    """At once, not after hours of scoring."""
    with pytest.raises(error):
        otelml.batch("nightly", **arguments)
    with otelml.batch("nightly", progress=False) as job, pytest.raises(ConfigurationError):
        job.chunks([1], size=0)


def test_progress_is_plain_lines_where_there_is_no_terminal(monkeypatch, capsys):
    """One now and then, and the end; nothing where it is not wanted."""
    monkeypatch.setattr("otelml._batch.progress._EVERY_S", 0.0)
    for wanted in (None, False):
        with otelml.batch("nightly", total=4, progress=wanted) as job:
            for _ in job.chunks(np.zeros((4, 1)), size=2):
                pass
        lines = capsys.readouterr().err.splitlines()
        if wanted is False:
            assert lines == []
        else:
            assert [line.rpartition(", ")[0] if "rows/s" in line else line for line in lines] == [
                "batch nightly: 2 of 4 (50%) rows",
                "batch nightly: 4 of 4 (100%) rows",
                "batch nightly: 4 of 4 (100%) rows in all",
            ]


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    """Chosen by stderr, and it says rows; a name is never markup."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with otelml.batch("[red]n", total=4) as job:
        assert isinstance(job._progress, _Bar)
        with job.chunk(4):
            pass
    assert "[red]n" in shown.getvalue()
    assert "4 rows" in shown.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with otelml.batch("n") as job:
        assert isinstance(job._progress, _Lines)


_JOB = textwrap.dedent(
    """
    import sys
    import otelml
    otelml.init("scorer", system=False)
    with otelml.batch("nightly", every="1d", progress=False, flush_timeout_s=float(sys.argv[2])) as job:
        for _ in job.chunks([[1.0]] * 30, size=10):
            pass
    r = job.result
    print("told", r.rows, r.delivered, r.undelivered, flush=True)
    sys.exit(int(sys.argv[1]))
    """
)


def _run(endpoint, code, timeout_s, tmp_path):
    script = tmp_path / "job.py"
    script.write_text(_JOB)
    return subprocess.run(
        [sys.executable, str(script), str(code), str(timeout_s)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**_environment(), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
    )


def _told(done):
    return next(line for line in done.stdout.splitlines() if line.startswith("told"))


def _environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "COV"))}
    return {**kept, "OTEL_METRIC_EXPORT_INTERVAL": "3600000"}


def test_everything_is_delivered_before_the_block_ends(tmp_path):
    """The job's span, its chunks and the time of the run arrive, and the result says so."""
    with OtlpServer() as server:
        done = _run(server.url, 3, 30, tmp_path)
        assert (done.returncode, _told(done)) == (3, "told 30 True {}"), done.stderr
        names = sorted(span.name for span in server.spans)
        assert names == ["batch nightly", *["chunk nightly"] * 3]
        assert "ml.batch.last_run" in {metric.name for metric in server.metrics}


def test_what_was_not_delivered_is_said_and_the_exit_code_is_the_jobs(tmp_path):
    """With nobody at the endpoint the job ends as it would have."""
    done = _run("http://127.0.0.1:9", 0, 2, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _told(done).startswith("told 30 False {'traces': 4, 'metrics': "), done.stdout
