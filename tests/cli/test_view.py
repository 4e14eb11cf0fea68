"""``otelml view --import``: what came in is said, and where to look."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

WEEK_AGO_NS = 1_700_000_000_000_000_000


def span(trace_id, span_id, at_ns=WEEK_AGO_NS):
    return {
        "traceId": trace_id, "spanId": span_id, "name": "x", "startTimeUnixNano": str(at_ns),
        "endTimeUnixNano": str(at_ns + 5),
    }  # fmt: skip


def document(*spans):
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})


@pytest.fixture
def view():
    """Run the command; return its lines up to the last, and the process."""
    running = []

    def start(*options):
        command = [sys.executable, "-m", "otelml", "view", "--web-port", "0", "--http-port", "0",
                   "--grpc-port", "0", *options]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        return lines, process

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        process.stdout.close()
        process.stderr.close()


def test_files_are_opened_whatever_their_age(view, tmp_path):
    """One trace: its page is named; the spans are there."""
    file = tmp_path / "trace.json"
    file.write_text(document(span("ab" * 16, "01" * 8), span("ab" * 16, "02" * 8)))
    lines, process = view("--import", str(file))
    assert lines[0] == f"{file}: 2 spans, 1 new trace"
    assert lines[1].endswith(f"/traces/{'ab' * 16}?range=all")
    base = lines[1].split()[1].split("/traces")[0]
    with urllib.request.urlopen(f"{base}/api/traces/{'ab' * 16}", timeout=20) as response:
        assert len(json.load(response)["spans"]) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_several_files_and_a_retention_that_was_asked_for(view, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(document(span("ab" * 16, "01" * 8)))
    second.write_text(document(span("cd" * 16, "01" * 8)))
    lines, _ = view("--import", str(first), "--import", str(second), "--retention", "7d")
    assert lines[0].startswith(f"{first}: 1 span; 1 left out (expired): older than")
    assert lines[2].endswith("/traces?range=all")


def test_a_file_of_something_else_ends_it_with_a_message(view, tmp_path):
    file = tmp_path / "x.json"
    file.write_text("hello")
    lines, process = view("--import", str(file))
    assert (lines, process.wait(20)) == ([], 1)
    assert "neither OTLP JSON" in process.stderr.read()
