from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

import otelml
from demo_service import artifact, train
from demo_service.app import create_app
from otelml.cli import _due_labels, _traffic
from otelml.cli._scenarios import CYCLE, SCENARIOS, Plan
from otelml.cli.simulate import simulate
from otelml.exceptions import ConfigurationError

DRIFTED = 60_000


class _KeepAlive(BaseHTTPRequestHandler):
    """Any other service: it keeps connections open."""

    protocol_version = "HTTP/1.1"
    clients: set[int] = set()
    bodies: list[bytes] = []

    def do_POST(self):
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.clients.add(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


class _Service:
    """The demo service on a free port, with a record of what it was sent."""

    def __init__(self, app):
        self.seen = []
        self._app = app
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _serve(self, environ, start_response):
        def keep(status, headers, *more):
            self.seen.append((environ["PATH_INFO"], int(status[:3])))
            return start_response(status, headers, *more)

        return self._app(environ, keep)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def statuses(self, path):
        return Counter(status for where, status in self.seen if where == path)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    artifact.save(train.train(rows=1000, seed=5), folder)
    return folder


@pytest.fixture
def app(model_folder, monkeypatch):
    monkeypatch.setenv("DEMO_MODEL_DIR", str(model_folder))
    monkeypatch.setenv("OTELML_LOGS_JSON", "false")
    for name in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{name}_EXPORTER", "none")
    yield create_app()
    otelml.shutdown()


@pytest.fixture
def service(app):
    served = _Service(app)
    yield served
    served.close()


def _send(service, scenario, count, **options):
    options = {"rate": 400, "seed": 4, "workers": 4} | options
    return _traffic.run_traffic(service.url, scenario, count=count, **options)


def test_normal(service):
    """All is well: predictions, batches, and labels for some."""
    traffic = _send(service, "normal", 60)
    assert (traffic.sent, traffic.ok, dict(traffic.failed)) == (60, 60, {})
    paths = Counter(path for path, _ in service.seen)
    assert paths["/predict"] + paths["/predict/batch"] == 60
    assert paths["/predict/batch"] > 0
    assert paths["/feedback"] == traffic.feedback_sent > 5
    assert 0 < traffic.quantile_s(0.5) <= traffic.quantile_s(0.95)


def test_connections_are_kept():
    """Each worker keeps to one connection; a service without prediction ids gets no labels."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _KeepAlive) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        traffic = _traffic.run_traffic(url, rate=400, count=40, workers=3)
        server.shutdown()
        thread.join(5)
    assert (traffic.ok, traffic.feedback_sent, traffic.feedback_failed) == (40, 0, 0)
    assert len(_KeepAlive.clients) <= 3


def test_slow(service):
    """Slow requests really wait in the service."""
    traffic = _send(service, "slow", 8)
    assert traffic.ok == 8
    assert traffic.quantile_s(0.95) >= 0.25


def test_drift(service):
    """Drifted applicants are taken as applications all the same."""
    traffic = _send(service, "drift", 30)
    assert (traffic.ok, dict(traffic.failed)) == (30, {})
    assert traffic.feedback_failed == 0


def test_wrong_labels(service):
    """Nearly every prediction gets a label."""
    traffic = _send(service, "wrong-labels", 40, batch_share=0)
    assert traffic.ok == 40
    assert traffic.feedback_sent > 30


def test_errors(service):
    """Two in three requests fail, in every way, and the summary agrees with the service."""
    traffic = _send(service, "errors", 60)
    assert set(traffic.failed) == {"400", "422", "500"}
    assert traffic.ok == 20
    assert service.statuses("/predict")[500] == traffic.failed["500"] > 5
    assert service.statuses("/feedback")[400] > 0


def test_all(service):
    """The scenarios come in turn, within the count."""
    phases = []
    traffic = _send(service, "all", 30, on_progress=lambda t: phases.append(t.phase))
    assert traffic.sent == len(phases) == 30
    assert set(phases) == set(CYCLE)
    assert traffic.failed


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_requests_repeat(scenario):
    """Request i is the same in every run with that seed, and another with another seed."""
    plan, again, other = (Plan(scenario, seed, phase_requests=5) for seed in (1, 1, 2))
    requests = [plan.request(i) for i in range(60)]
    assert requests == [again.request(i) for i in range(60)]
    assert requests != [other.request(i) for i in range(60)]


def test_phases_of_all():
    """Each phase lasts as long as the others, then the cycle starts again."""
    plan = Plan("all", phase_requests=3)
    assert [plan.phase(i) for i in range(0, 21, 3)] == [*CYCLE, CYCLE[0]]


def test_labels_are_flipped():
    """Wrong labels are the opposite of those of the same applicants."""
    true, wrong = (Plan(name, 3, batch_share=0) for name in ("drift", "wrong-labels"))
    normal = Plan("normal", 3, batch_share=0)
    pairs = [(normal.request(i).label, wrong.request(i).label) for i in range(50)]
    given = [(one, two) for one, two in pairs if one and two]
    assert len(given) > 10
    assert all({one, two} == {"approved", "rejected"} for one, two in given)
    amounts = [json.loads(true.request(i).body)["loan_amount"] for i in range(100)]
    assert 60 < sum(amount > DRIFTED for amount in amounts) < 95


def test_rate_and_duration(service):
    """It ends by its duration, near the rate it was asked for."""
    traffic = _traffic.run_traffic(service.url, "normal", 40, 1.0, workers=4)
    assert traffic.total == 40
    assert 20 <= traffic.sent <= 40


def test_stop(service):
    """A run without an end stops when it is told to."""
    stop = threading.Event()

    def enough(traffic):
        if traffic.sent >= 10:
            stop.set()

    traffic = _traffic.run_traffic(service.url, "normal", 200, on_progress=enough, stop=stop)
    assert 10 <= traffic.sent < 30


def test_service_that_goes_away(service):
    """A service that ends under the traffic ends the run, with what happened."""
    once = threading.Event()

    def end(traffic):
        if not once.is_set():
            once.set()
            service.close()

    with pytest.raises(_traffic.ServiceUnreachableError, match="has gone away"):
        _send(service, "normal", 500, rate=1000, on_progress=end)


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:99999", "http://host:x"])
def test_wrong_url(url):
    """What is no URL of a service is said."""
    with pytest.raises(ConfigurationError, match="is not the URL of a service"):
        _traffic.run_traffic(url, count=1)


def _run(*arguments):
    return CliRunner().invoke(otelml_main(), ["simulate", *arguments])


def otelml_main():
    from otelml.cli import main

    return main


def test_command(service):
    """The command ends with a table of what happened."""
    result = _run(service.url, "--scenario", "errors", "--count", "12", "--rate", "200")
    assert result.exit_code == 0
    assert "errors traffic to" in result.output
    for name in ("sent", "ok", "failed, ", "p50", "p95", "feedback"):
        assert name in result.output


def test_unreachable_service():
    """One line, and exit code 1."""
    result = _run("http://127.0.0.1:1", "--count", "1")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "error: nothing answers at http://127.0.0.1:1" in result.output


def test_template(service, tmp_path):
    """Payloads of one's own are sent in turn, to a path of one's own."""
    path = tmp_path / "bodies.json"
    path.write_text(json.dumps([[{"age": 1}], []]))
    arguments = ("--template", str(path), "--path", "/predict/batch", "--count", "4")
    result = _run(service.url, *arguments, "--rate", "100")
    assert result.exit_code == 0
    assert service.statuses("/predict/batch") == {422: 4}
    assert {where for where, _ in service.seen} == {"/predict/batch"}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_wrong_template(tmp_path, content):
    """A template that is no JSON or empty is one line."""
    path = tmp_path / "bodies.json"
    path.write_text(content)
    result = _run("http://127.0.0.1:1", "--template", str(path))
    assert result.exit_code == 1
    assert "--template" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scenario", "nothing"),
        ("--rate", "0"),
        ("--path", "predict"),
        ("--template", __file__, "--scenario", "wrong-labels"),
    ],
)
def test_usage(arguments, tmp_path):
    """Wrong options are usage errors."""
    path = tmp_path / "body.json"
    path.write_text("{}")
    arguments = [str(path) if a == __file__ else a for a in arguments]
    assert _run("http://127.0.0.1:1", *arguments).exit_code == 2


def test_help_names_the_scenarios():
    """The scenarios can be read from the help."""
    output = CliRunner().invoke(simulate, ["--help"]).output
    assert "wrong-labels" in output


def test_payloads_of_any_service_drift(tmp_path):
    """Each number of a sample moves by the asked part of its spread, on the wire."""
    sample = tmp_path / "iris.csv"
    sample.write_text("length,width\n" + "".join(f"{n},{10 * n}\n" for n in range(20)))
    _KeepAlive.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _KeepAlive) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        url = f"http://127.0.0.1:{server.server_port}"
        options = ["--sample", str(sample), "--count", "20", "--rate", "500"]
        done = _run(url, *options, "--scenario", "drift", "--field", "width=-1")
        server.shutdown()
    assert done.exit_code == 0
    rows = [json.loads(body) for body in _KeepAlive.bodies]
    assert sorted(row["length"] for row in rows) == list(range(20))
    assert min(row["width"] for row in rows) == round(-10 * 33.25**0.5)


def test_labels_come_after_a_delay():
    """Exponential with the mean that was asked for, cut; the earliest first; the same each time."""
    labels = _due_labels.DueLabels(2.0, seed=3)
    delays = [labels.delay_s(index) for index in range(4000)]
    assert 1.8 < sum(delays) / len(delays) < 2.2
    assert max(delays) == 10.0
    assert delays == [_due_labels.DueLabels(2.0, seed=3).delay_s(index) for index in range(4000)]
    for index in range(50):
        labels.add(f"id-{index}", "approved", index, now=100.0)
    assert labels.take(100.0) is None
    taken = [labels.take(100.0 + second / 10) for second in range(1, 120)]
    assert taken[0] is None or delays[int(taken[0][0][3:])] <= 0.1
    rest = []
    while (due := labels.take(float("inf"))) is not None:
        rest.append(due)
    order = [delays[int(prediction[3:])] for prediction, _ in [*filter(None, taken), *rest]]
    assert len(order) == 50
    assert order == sorted(order)
    assert _due_labels.DueLabels(0.0, seed=3).delay_s(1) == 0.0


def test_every_label_is_sent_in_the_end(service):
    """A run that is shorter than the delay of its labels sends them before it ends."""
    late = _send(service, "normal", 60, label_delay=3600.0)
    assert late.feedback_sent > 10
    assert late.feedback_failed == 0
