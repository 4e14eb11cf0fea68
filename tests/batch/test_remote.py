"""Chunks that are scored in other processes: by hand, and by Dask, whose workers are killed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

import otelml
from otelml._metrics import forget_runs
from otelml.drift import compare
from otelml.reference import Reference
from tests._otlp_server import OtlpServer


@pytest.fixture(autouse=True)
def _no_runs():
    forget_runs()
    yield
    forget_runs()


def _columns(rows, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    income = rng.normal(50 + shift, 10, rows)
    return pd.DataFrame({"income": income, "age": rng.integers(18, 80, rows)})


def _travelled(value):
    return pickle.loads(pickle.dumps(value))


def _score(job, columns, number, size=100):
    at = slice((number - 1) * size, number * size)
    with _travelled(job).chunk(columns[at], number) as chunk:
        chunk.set_result(label=["a"] * size)
    return _travelled(chunk.done)


def test_chunks_of_other_processes_are_the_jobs(capture_telemetry):
    """Spans with a link to the job's, predictions beneath them, rows and drift of the whole."""
    reference = Reference.from_data(_columns(1000))
    columns = _columns(400, shift=5.0, seed=1)
    with otelml.batch("nightly", model="loan", reference=reference, progress=False) as job:
        for number in (2, 1, 4, 3):
            job.add(_score(job.remote(), columns, number))
    result = job.result
    assert (result.rows, result.chunks, result.failed_chunks) == (400, 4, 0)
    assert result.compared_rows == 400
    expected = compare(reference, columns)
    assert result.drift.drifted == expected.drifted == ("income",)
    for name, feature in expected.features.items():
        told = result.drift.features[name]
        for method, statistic in feature.statistics.items():
            assert told.statistics[method].value == pytest.approx(statistic.value, nan_ok=True)
    spans = {span.name: [] for span in capture_telemetry.spans()}
    for span in capture_telemetry.spans():
        spans[span.name].append(span)
    (whole,) = spans["batch nightly"]
    assert whole.attributes["ml.batch.rows"] == 400
    assert sorted(s.attributes["ml.batch.chunk"] for s in spans["chunk nightly"]) == [1, 2, 3, 4]
    for chunk in spans["chunk nightly"]:
        assert [link.context.span_id for link in chunk.links] == [whole.context.span_id]
        assert chunk.context.trace_id != whole.context.trace_id
        (below,) = capture_telemetry.children(chunk)
        assert below.name == "predict loan"


def test_a_chunk_that_failed_elsewhere_is_told(capture_telemetry):
    """On its own span, in the result, on the job's span and in its event, which warns."""
    with otelml.batch("nightly", progress=False) as job:
        job.add(_score(job.remote(), _columns(100), 1))
        with pytest.raises(KeyError) as raised, job.remote().chunk(50, 2) as chunk:
            raise KeyError("x")
        job.add(raised.value)
    assert chunk.done is None
    assert (job.result.rows, job.result.chunks, job.result.failed_chunks) == (100, 1, 1)
    ends = {s.attributes.get("ml.batch.chunk"): s.attributes for s in capture_telemetry.spans()}
    assert ends[2]["error.type"] == "KeyError"
    assert ends[None]["ml.batch.failed_chunks"] == 1
    (event,) = capture_telemetry.logs("ml.batch.finished")
    assert (event.severity_text, event.body[-15:]) == ("WARN", "1 chunks failed")


def test_a_chunk_that_comes_twice_counts_once(capture_telemetry):
    """What was tried again, or asked for twice, is one chunk."""
    with otelml.batch("nightly", progress=False) as job:
        for number in (1, 1, 2):
            job.add(_score(job.remote(), _columns(200), number))
    assert (job.result.rows, job.result.chunks) == (200, 2)
    capture_telemetry.flush()


def test_what_a_worker_could_not_send_is_the_jobs_loss():
    """Without ``init`` there, a chunk has its rows, and the job was not delivered."""
    with otelml.batch("nightly", progress=False) as job:
        job.add(_score(job.remote(), _columns(100), 1))
    assert (job.result.rows, job.result.delivered) == (100, False)


def test_of_a_larger_batch_a_uniform_sample_is_compared():
    """Of chunks of any size each row has the same probability."""
    reference = Reference.from_data({"a": np.arange(100.0)})
    values = np.arange(20_000.0)
    with otelml.batch("n", reference=reference, max_rows=1000, progress=False) as job:
        for number, at in enumerate((0, 500, 12_000), 1):
            end = (500, 12_000, 20_000)[number - 1]
            with job.remote().chunk({"a": values[at:end]}, number) as chunk:
                pass
            assert len(chunk.done.keys) <= 1000
            job.add(chunk.done)
        kept = job._sample.columns()["a"]
    assert len(set(kept)) == 1000
    quarters = np.histogram(kept, bins=4, range=(0, 20_000))[0]
    assert ((quarters - 250) ** 2 / 250).sum() < 16.3  # one in a thousand


_DASK = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    import dask, otelml
    from dask.distributed import Client, LocalCluster, as_completed

    MARK, PARTS = pathlib.Path(sys.argv[2]), 6

    def score(number, job, mark, always):
        otelml.init("scorer", system=False, instrument=[])
        with job.chunk([[1.0]] * 10, number) as chunk:
            if number == 3 and (always or not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            chunk.set_result(label=["a"] * 10)
        return chunk.done

    if __name__ == "__main__":
        otelml.init("scorer", system=False, instrument=[])
        dask.config.set({"distributed.scheduler.allowed-failures": 2})
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            with otelml.batch("nightly", model="loan", progress=False, total=60) as job:
                more = {"job": job.remote(), "mark": MARK, "always": sys.argv[1] == "always"}
                for future in as_completed(client.map(score, range(1, PARTS + 1), **more)):
                    job.add(future.exception() or future.result())
            r = job.result
            print("told", r.rows, r.chunks, r.failed_chunks, r.delivered, flush=True)
            os._exit(0)  # a cluster whose workers were killed may take minutes to close
    """
)


def _dask(server, how, tmp_path):
    script = tmp_path / "job.py"
    script.write_text(_DASK)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "COV"))}
    done = subprocess.run(
        [sys.executable, str(script), how, str(tmp_path / "mark")],
        capture_output=True, text=True, timeout=200, check=False,
        env={
            **kept, **server.environment(), "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = next(line for line in done.stdout.splitlines() if line.startswith("told"))
    _, rows, chunks, failed, delivered = told.split()
    return int(rows), int(chunks), int(failed), delivered


def _sent(server):
    """Numbers of the chunks that arrived, and rows of all predictions."""
    spans = [span for span in server.spans if span.name == "chunk nightly"]
    numbers = sorted(
        a.value.int_value for span in spans for a in span.attributes if a.key == "ml.batch.chunk"
    )
    points = server.points("ml.predictions")
    return numbers, sum(p.as_int or p.as_double for p in points)


@pytest.mark.slow
def test_a_worker_of_dask_is_killed_in_a_chunk(tmp_path):
    """Dask scores it again elsewhere, and what that worker alone held; the job counts each once."""
    with OtlpServer() as server:
        assert _dask(server, "once", tmp_path) == (60, 6, 0, "True")
        numbers, predicted = _sent(server)
        assert sorted(set(numbers)) == [1, 2, 3, 4, 5, 6]
        assert numbers.count(3) == 1
        assert predicted == len(numbers) * 10
        (whole,) = [span for span in server.spans if span.name == "batch nightly"]
        links = [ln.span_id for s in server.spans if s.name == "chunk nightly" for ln in s.links]
        assert links == [whole.span_id] * len(numbers)


@pytest.mark.slow
def test_a_chunk_that_kills_each_worker_is_told(tmp_path):
    """It fails, with what was scored beside it in vain; nothing is silently less."""
    with OtlpServer() as server:
        rows, chunks, failed, _ = _dask(server, "always", tmp_path)
        numbers, predicted = _sent(server)
        assert failed >= 1
        assert (chunks + failed, rows) == (6, chunks * 10)
        assert 3 not in numbers
        assert predicted == len(numbers) * 10 >= rows
        (whole,) = [span for span in server.spans if span.name == "batch nightly"]
        said = {a.key: a.value.int_value for a in whole.attributes}
        assert (said["ml.batch.failed_chunks"], said["ml.batch.rows"]) == (failed, rows)
