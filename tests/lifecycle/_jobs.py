"""Real job runners with a job of a few lines, with otelml and without it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests._otlp_server import OtlpServer
from tests._processes import ROOT, environment
from tests.lifecycle._servers import free_port, predictions, tool

_START = """
import os
WITH = os.environ.get("WITH", "init")

def done(number):
    if WITH != "none":
        import otelml
        with otelml.prediction("loan") as prediction:
            prediction.set_result(label="yes", confidence=0.9)
    with open("done.txt", "a") as file:
        file.write(f"{number}\\n")
"""
_INIT = """
if WITH == "init":
    import otelml
    otelml.init("jobs", instrument="none", system=False)
"""
_CELERY = f"""
{_START}
from celery import Celery
{_INIT}
app = Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = {{
    "data_folder_in": "broker", "data_folder_out": "broker", "control_folder": "control"
}}

@app.task
def job(number):
    done(number)
"""
# The broker of the tests knows no CLIENT INFO, from which a worker reads its own address.
_RQ = f"""
{_START}
import redis, rq.worker
{_INIT}
redis.Redis.client_info = lambda self: {{"addr": "127.0.0.1:1"}}
"""
_RQ_SPAWN = f"""
import redis
redis.Redis.client_info = lambda self: {{"addr": "127.0.0.1:1"}}
{_START.replace("def done", "def predict")}
def done(number):
    if WITH == "init":
        import otelml
        otelml.init("jobs", instrument="none", system=False)
    predict(number)
    if WITH == "init":
        otelml.shutdown()
"""
_POOL = f"""
import multiprocessing, sys
{_START}
{_INIT}
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        pool.map(done, range(int(sys.argv[2])))
        pool.close()
        pool.join()
"""
_PROCESSES = f"""
import multiprocessing, sys
{_START}
{_INIT}
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=done, args=(n,)) for n in range(int(sys.argv[2]))]
    for child in children: child.start()
    for child in children: child.join()
"""
_OS_EXIT = f"""
import sys
{_START}
{_INIT}
for number in range(int(sys.argv[2])):
    if not os.fork():
        done(number)
        if WITH != "none":
            running.force_flush()
        os._exit(0)
    os.wait()
""".replace("    otelml.init(", "    running = otelml.init(")


@dataclass(frozen=True)
class Job:
    """A job runner.

    Args:
        program: What is in ``jobs.py``.
        arguments: Of the runner, or of the program where it is its own.
        runner: ``celery``, ``rq`` or ``python``.
        a_process_each: Whether each job has a process of its own.
    """

    program: str
    arguments: tuple[str, ...]
    runner: str = "python"
    a_process_each: bool = False


JOBS = {
    "Celery prefork": Job(_CELERY, ("--pool=prefork", "-c", "2"), "celery"),
    "Celery prefork, a task a child": Job(
        _CELERY, ("--pool=prefork", "-c", "2", "--max-tasks-per-child=1"), "celery", True
    ),
    "Celery solo": Job(_CELERY, ("--pool=solo",), "celery"),
    "Celery threads": Job(_CELERY, ("--pool=threads", "-c", "2"), "celery"),
    "Celery gevent": Job(_CELERY, ("--pool=gevent", "-c", "4"), "celery"),
    "RQ": Job(_RQ, ("rq.worker.Worker",), "rq", True),
    "RQ, SimpleWorker": Job(_RQ, ("rq.worker.SimpleWorker",), "rq"),
    "RQ, SpawnWorker": Job(_RQ_SPAWN, ("rq.worker.SpawnWorker",), "rq", True),
    "multiprocessing.Pool, fork": Job(_POOL, ("fork",)),
    "multiprocessing.Pool, spawn": Job(_POOL, ("spawn",)),
    "multiprocessing.Process, fork": Job(_PROCESSES, ("fork",), a_process_each=True),
    "multiprocessing.Process, spawn": Job(_PROCESSES, ("spawn",), a_process_each=True),
    "os.fork, os._exit after force_flush": Job(_OS_EXIT, ("fork",), a_process_each=True),
}


@dataclass(frozen=True)
class Done:
    """What became of some jobs.

    Args:
        jobs: Jobs that were done.
        jobs_s: Seconds from the start of the runner to the last of them.
        ended_s: Seconds to its end, from SIGTERM or from the last job.
        code: Its exit code.
        spans: Predictions that arrived as spans.
        counted: Predictions that arrived as measurements.
        ids: Instance ids.
        log: What it wrote.
    """

    jobs: int
    jobs_s: float
    ended_s: float
    code: int
    spans: int
    counted: int
    ids: int
    log: str


def work_off(folder, job, count, *, with_otelml=True):
    """Have ``count`` jobs done; return what was seen."""
    (folder / "jobs.py").write_text(job.program)
    (folder / "broker").mkdir(exist_ok=True)
    with OtlpServer() as server, _runner(folder, job, count) as (command, queue):
        variables = {
            **environment(**server.environment(), WITH="init" if with_otelml else "none"),
            "PYTHONPATH": f"{folder}:{ROOT}",
        }
        queue(variables)
        with (folder / "log.txt").open("w+") as log:
            started = time.monotonic()
            process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
            try:
                jobs = _wait(folder / "done.txt", count, process)
                at = time.monotonic()
                if job.runner != "python":
                    process.send_signal(signal.SIGTERM)
                process.wait(60)
            finally:
                process.kill()
                process.wait(10)
        return Done(
            jobs,
            at - started,
            time.monotonic() - at,
            process.returncode,
            server.span_names().count("predict loan"),
            predictions(server),
            len({r["service.instance.id"] for r in server.resources if r}),
            (folder / "log.txt").read_text(),
        )


@contextmanager
def _runner(folder, job, count):
    """Yield the command of a runner, and what puts its jobs into the queue."""
    if job.runner == "python":
        yield [sys.executable, "jobs.py", *job.arguments, str(count)], lambda _: None
    elif job.runner == "celery":
        send = f"from jobs import job\nfor n in range({count}): job.delay(n)"
        worker = [tool("celery"), "-A", "jobs", "worker", "--without-gossip", "--without-mingle"]

        def queue(variables):
            program = [sys.executable, "-c", send]
            subprocess.run(program, cwd=folder, env={**variables, "WITH": "none"}, check=True)

        yield [*worker, *job.arguments], queue
    else:
        with _redis() as url:
            worker = [tool("rq"), "worker", "--url", url, "-c", "jobs", "--worker-class"]
            yield [*worker, *job.arguments], lambda _: _enqueue(url, count)


@contextmanager
def _redis():
    from fakeredis import TcpFakeServer

    port = free_port()
    server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()


def _enqueue(url, count):
    from redis import Redis
    from rq import Queue

    queue = Queue(connection=Redis.from_url(url))
    for number in range(count):
        queue.enqueue("jobs.done", number)


def _wait(path, count, process):
    end = time.monotonic() + 120
    while True:
        done = len(Path(path).read_text().splitlines()) if path.exists() else 0
        if done >= count or time.monotonic() > end or process.poll() is not None:
            return done
        time.sleep(0.05)
