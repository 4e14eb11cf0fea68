"""The example's jobs on Dask, Spark and Airflow, each installed as its README says and run once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "batch_jobs"
ROWS = 2_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _run(command: list[str], **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "COV", "PYTHON"))}
    done = subprocess.run(
        command, cwd=FOLDER, env={**kept, **environment},
        capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture
def run(tmp_path: Path):
    """Run a job where it and otelml are installed; return what it prints itself."""

    def start(
        script: str, server: OtlpServer, *packages: str, before: str = "", **environment: str
    ) -> str:
        own = str(tmp_path / "venv" / "bin" / "python")
        _run([sys.executable, "-m", "venv", str(tmp_path / "venv")])
        _run([own, "-m", "pip", "install", "-q", str(ROOT), "pandas", *packages])
        environment["PATH"] = f"{tmp_path}/venv/bin:{os.environ['PATH']}"
        environment["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = "delta"
        if before:
            _run(
                [f"{tmp_path}/venv/bin/{before.split(maxsplit=1)[0]}", *before.split()[1:]],
                **environment,
            )
        said = _run([own, script], **server.environment(), **environment)
        return "\n".join(line for line in said.splitlines() if not line.startswith("{"))

    return start


def _counts(server: OtlpServer) -> tuple[Counter[str], float]:
    """Spans by name, and rows of all predictions."""
    predicted = sum(p.as_int or p.as_double for p in server.points("ml.predictions"))
    return Counter(span.name for span in server.spans), predicted


def _check(server: OtlpServer, chunks: int) -> None:
    spans, predicted = _counts(server)
    assert spans == {"batch nightly": 1, "chunk nightly": chunks, "predict loan": chunks}
    assert predicted == ROWS
    (whole,) = [span for span in server.spans if span.name == "batch nightly"]
    said = {a.key: a.value for a in whole.attributes}
    assert said["ml.batch.rows"].int_value == ROWS
    assert [a.string_value for a in said["ml.batch.drifted"].array_value.values] == ["income"]
    links = {link.span_id for s in server.spans if s.name == "chunk nightly" for link in s.links}
    assert links == {whole.span_id}
    finished = [r.body.string_value for r in server.logs if r.event_name == "ml.batch.finished"]
    assert len(finished) == 1


def test_spark(run):
    """Python workers of two executors, forked by Spark's daemon."""
    with OtlpServer() as server:
        said = run("spark_job.py", server, "pyarrow", "pyspark").splitlines()
        assert said == [
            "2000 rows in 4 chunks, 0 failed", "drifted: income; all telemetry arrived: True",
        ]  # fmt: skip
        _check(server, 4)


def test_airflow(run, tmp_path):
    """A task's own process, which Airflow ends without exit handlers."""
    home = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    with OtlpServer() as server:
        said = run(
            "airflow_dag.py", server, "apache-airflow>=3,<4", before="airflow db migrate", **home
        )
        assert "the run ended: success" in said, said[-3000:]
        _check(server, 8)


def test_dask(run):
    """Two worker processes."""
    with OtlpServer() as server:
        said = run("dask_job.py", server, "distributed").splitlines()
        assert said == [
            "2000 rows in 8 chunks, 0 failed", "drifted: income; all telemetry arrived: True",
        ]  # fmt: skip
        _check(server, 8)
