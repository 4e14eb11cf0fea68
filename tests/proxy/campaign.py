"""Requests to real model servers, straight and through ``otelml proxy``: what comes back is equal.

``python -m tests.proxy.campaign 10000 --only mlflow`` sends so many predictions through the proxy,
and some other requests among them. It compares each answer with that of a straight request, and
each request with the span and the counts that the proxy has sent; then it takes the time of some
requests beside a bare proxy. The tests send some hundreds.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

from tests._otlp_server import OtlpServer
from tests.proxy import _real
from tests.proxy._cases import MLFLOW, MLSERVER, is_prediction, predicted

_WAIT_S = 120.0
# What differs between two answers of one server, or is a connection's own; the last is ours.
_OWN = {"date", "connection", "keep-alive", "transfer-encoding", "x-prediction-id"}
_GZIP_TIME = slice(4, 8)
_KEPT_S = 1.0
"""The servers close a connection that is idle for 5 s; ours is opened anew long before."""
OTHERS = 20
"""Predictions to one other request."""


class Client:
    """A connection that is kept from request to request.

    Args:
        url: Where to.
    """

    def __init__(self, url):
        host, _, port = url.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=_WAIT_S)
        self._used_s = time.monotonic()

    def ask(self, case, **headers):
        """Return the status, reason phrase, headers and body that a request is answered by."""
        chunked = isinstance(case.body, list)
        body = iter(case.body) if chunked else case.body
        connection = self._connection
        if time.monotonic() - self._used_s > _KEPT_S:
            self.close()
        sent = {**case.headers, **headers}
        connection.request(case.method, case.path, body, sent, encode_chunked=chunked)
        answer = connection.getresponse()
        told = [(n.lower(), v) for n, v in answer.getheaders() if n.lower() not in _OWN]
        content = answer.read()
        if ("content-encoding", "gzip") in told:
            whole = bytearray(content)
            whole[_GZIP_TIME] = bytes(4)  # when it was packed
            content = bytes(whole)
        if answer.status >= 500:
            self.close()  # uvicorn closes it behind such an answer
        self._used_s = time.monotonic()
        return answer.status, answer.reason, told, content

    def close(self):
        """Close the connection; the next request opens another."""
        self._connection.close()


class Compared(NamedTuple):
    """What came of a comparison.

    Args:
        sent: The name and the status of each request, by the number of its trace.
        rows: Rows of each of these by label, by what its answer says.
        differences: Texts, a few, of what differed.
        straight: How many were sent straight.
        seconds: How long it took.
    """

    sent: dict[int, tuple[str, int]]
    rows: dict[int, Counter[str | None]]
    differences: list[str]
    straight: int
    seconds: float

    @property
    def statuses(self):
        """How many of each status."""
        return Counter(status for _, status in self.sent.values())


def plan(cases, count):
    """Yield names of so many predictions in turn, and of others among them."""
    predictions = itertools.cycle(name for name in cases if is_prediction(cases[name]))
    others = itertools.cycle(name for name in cases if not is_prediction(cases[name]))
    for number in range(count):
        yield next(predictions)
        if number % OTHERS == 0:
            yield next(others)


def compare(straight, through, cases, count, workers=4, again=1, within_s=3_600.0):
    """Send predictions through the proxy and compare the answers with straight ones.

    Args:
        straight: URL of the model server.
        through: URL of the proxy before it.
        cases: Requests by name, gone through in turn.
        count: How many predictions are sent; some other requests are sent among them.
        workers: Requests at a time.
        again: Each so many requests of a worker one is sent straight too; the others are compared
            with the last straight answer to the same.
        within_s: After it no more are sent.
    """
    names = list(plan(cases, count))
    sent: dict[int, tuple[str, int]] = {}
    rows: dict[int, Counter[str | None]] = {}
    differences: list[str] = []
    asked: list[str] = []
    lock, begun_s = threading.Lock(), time.monotonic()

    def work(first):
        clients = Client(straight), Client(through)
        known: dict[str, Any] = {}
        try:
            for number in range(first, len(names), workers):
                if time.monotonic() - begun_s > within_s:
                    break
                name = names[number]
                case, trace = cases[name], number + 1
                if name not in known or number // workers % again == 0:
                    known[name] = _asked(clients[0], case)
                    asked.append(name)
                found = _asked(clients[1], case, traceparent=f"00-{trace:032x}-00000000000000a1-01")
                with lock:
                    sent[trace] = name, found[0]
                    if known[name] != found or found[0] != case.status:
                        differences.append(f"{name}: {known[name]!r:.600} and {found!r:.600}")
                    elif is_prediction(case):
                        rows[trace] = predicted(case, found)
        finally:
            for client in clients:
                client.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Compared(sent, rows, differences, len(asked), time.monotonic() - begun_s)


def unrecorded(found, cases, taken):
    """Return what of a comparison differs from what the proxy has sent: nothing where all is well.

    Each prediction has one span in the trace of its request, with its rows or its error, and no
    other request has one; the counts have the rows of each label.

    Args:
        found: The comparison.
        cases: Requests by name.
        taken: Where the proxy has sent its telemetry; it has ended.
    """
    spans: dict[int, list[dict[str, Any]]] = {}
    for span in taken.spans:
        told = {
            one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes
        }
        if "ml.prediction.rows" in told:
            spans.setdefault(int.from_bytes(span.trace_id, "big"), []).append(told)
    wrong = []
    for trace, (name, status) in found.sent.items():
        errors = [None if status < 400 else str(status)] if is_prediction(cases[name]) else []
        told = spans.get(trace, [])
        counts = [one["ml.prediction.rows"] for one in told]
        if [one.get("error.type") for one in told] != errors or (
            errors == [None] and counts != [found.rows[trace].total()]
        ):
            wrong.append(f"{name}, {status}: {told}")
    if strange := spans.keys() - found.sent.keys():
        wrong.append(f"{len(strange)} predictions that nobody asked for")
    wanted = sum(found.rows.values(), Counter())
    if (counted := labels(taken)) != wanted:
        wrong.append(f"counted are {counted}, not {wanted}")
    return wrong


def labels(taken):
    """Return the rows that were counted without an error, by label, at the end."""
    last: dict[Any, float] = {}
    for point in taken.points("ml.predictions"):
        told = {
            one.key: getattr(one.value, one.value.WhichOneof("value")) for one in point.attributes
        }
        if "error.type" not in told:
            key = tuple(sorted(told.items()))
            last[key] = max(last.get(key, 0), point.as_int or int(point.as_double))
    found: Counter[str | None] = Counter()
    for key, rows in last.items():
        found[dict(key).get("ml.prediction.label")] += rows
    return found


def quantiles(urls, case, count):
    """Return p50 and p99 of the milliseconds of requests by each way, in turn.

    Args:
        urls: Ways by name.
        case: The request.
        count: How often it is sent each way.
    """
    clients = [Client(url) for url in urls.values()]
    taken: list[list[float]] = [[] for _ in clients]
    for number in range(count):
        for turn in range(len(clients)):
            way = (number + turn) % len(clients)  # none is always the first
            begun = time.perf_counter()
            assert clients[way].ask(case)[0] == case.status
            taken[way].append((time.perf_counter() - begun) * 1e3)
    for client in clients:
        client.close()
    ordered = [sorted(one) for one in taken]
    return {
        name: tuple(one[int(share * (len(one) - 1))] for share in (0.5, 0.99))
        for name, one in zip(urls, ordered, strict=True)
    }


def _asked(client, case, **headers):
    try:
        return client.ask(case, **headers)
    except (OSError, http.client.HTTPException) as error:
        client.close()
        return (0, repr(error))


@contextlib.contextmanager
def command(url, *options, **environment):
    """Run ``otelml proxy``; yield its URL."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTELML_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "otelml", "proxy", url, "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=_real.ROOT,
        env={**kept, "PYTHONUNBUFFERED": "1", **environment},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        found = next((line.split()[1] for line in lines if line.startswith("proxy ")), None)
        assert found is not None, "the proxy did not start"
        reader = threading.Thread(target=process.stdout.read)  # else a full pipe would stop it
        reader.start()
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    reader.join(10)


@contextlib.contextmanager
def bare(url):
    """Run a proxy without telemetry; yield its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.proxy_server", "bare", url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_real.ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(60)


def main():
    """Compare with one server; return 1 where something differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proxy.campaign", description=__doc__)
    parser.add_argument("count", type=int, help="predictions")
    parser.add_argument("--only", choices=("mlflow", "mlserver"), required=True, help="the server")
    parser.add_argument("--workers", type=int, default=4, help="requests at a time")
    parser.add_argument("--again", type=int, default=1, help="one in so many is sent straight too")
    parser.add_argument("--within", type=float, default=3_600.0, help="seconds for them")
    parser.add_argument("--timed", type=int, default=500, help="requests whose time is taken")
    arguments = parser.parse_args()
    kind, serve, cases, timed = {
        "mlflow": (
            _real.MLFLOW,
            functools.partial(_real.mlflow, processes=2),
            MLFLOW,
            "dataframe_split, label",
        ),
        "mlserver": (_real.MLSERVER, _real.mlserver, MLSERVER, "fp32"),
    }[arguments.only]
    with serve(_real.environment(kind)) as url:
        with OtlpServer() as taken:
            with command(url, **taken.environment()) as through:
                found = compare(
                    url, through, cases, arguments.count, arguments.workers, arguments.again,
                    arguments.within,
                )  # fmt: skip
            lost = unrecorded(found, cases, taken)
        print(f"{kind.name}: {sum(is_prediction(cases[n]) for n, _ in found.sent.values()):,} "
              f"predictions and {len(found.sent):,} requests in all through the proxy, "
              f"{found.straight:,} straight, in {found.seconds:.0f} s")  # fmt: skip
        print("statuses:", dict(sorted(found.statuses.items())))
        print("rows by label:", dict(sum(found.rows.values(), Counter())))
        print("\n".join(found.differences[:10]) or "all equal: statuses, headers, bodies")
        print("\n".join(lost[:10]) or "all recorded: spans, rows, labels", flush=True)
        with (
            OtlpServer() as taken,
            command(url, **taken.environment()) as through,
            bare(url) as plain,
        ):
            ways = {"straight": url, "bare proxy": plain, "otelml proxy": through}
            quantiles(ways, cases[timed], 50)
            times = quantiles(ways, cases[timed], arguments.timed)
        for name, (half, most) in times.items():
            print(f"{name}: p50 {half:.2f} ms, p99 {most:.2f} ms")
    return 1 if found.differences or lost else 0


if __name__ == "__main__":
    sys.exit(main())
